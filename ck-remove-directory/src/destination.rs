//! The directory to be removed: opened once, checked, and refused unless it clearly belongs to the user.

use crate::{
    arguments::RemoveRequest,
    attributes::Attributes,
    cause::Cause,
    child::ChildError,
    file_system::{FileSystem, used_bytes},
    path::{Location, PathError, open_parent},
    resolve::{self, BENEATH, HANDLE, INSIDE},
    seize::is_seized,
    text::escape,
};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, Uid, openat, unlinkat},
    io::Errno,
    process::{Pid, geteuid},
};
use std::{
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd, RawFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

/// The name of the directory of the retired; `ck-broker` gives it.
const RETIRED: &str = ".ck-retired";

/// What has to happen to the directory once it is empty.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A plain directory: its name is removed.
    Plain(Location),
    /// The root of a tmpfs: it is detached, then the mount point beneath is removed.
    Mounted(Location),
    /// The directory of a given descriptor: nothing more happens to it.
    Given,
}

/// A directory that may be emptied.
#[derive(Debug)]
pub(crate) struct Destination {
    /// An O_PATH descriptor of the directory.
    pub(crate) directory: OwnedFd,
    pub(crate) attributes: Attributes,
    pub(crate) kind: Kind,
}

/// Why nothing is removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("must be started by root")]
    NotRoot,
    #[error(transparent)]
    Path(PathError),
    #[error("there is no such directory")]
    Missing,
    #[error("{path}: cannot open")]
    Open { path: String, source: Cause },
    #[error("--dest-fd={fd}: cannot use this descriptor, pass one that is open on a directory")]
    Descriptor { fd: RawFd, source: Cause },
    #[error("{0}: a symbolic link, give the path of the directory itself")]
    Link(String),
    #[error("{0}: not a directory")]
    NotDirectory(String),
    #[error("{path}: owned by uid {owner}, not by uid {uid}; check --uid and --dest")]
    Owner { path: String, owner: Uid, uid: Uid },
    #[error("{0}: a file system other than tmpfs is mounted there, unmount it first")]
    NotTmpfs(String),
    #[error("{0}: the file system mounted there does not answer, unmount it first")]
    NoAnswer(String),
    #[error("{path}: child {} hangs in the kernel", child.as_raw_pid())]
    Hangs { path: String, child: Pid },
    #[error("{path}: cannot ask for the type of the file system")]
    Ask { path: String, source: ChildError },
}

impl Destination {
    /// Opens the directory that `request` names. Does not follow a link in the last component.
    pub(crate) fn open(request: &RemoveRequest) -> Result<Self, Refusal> {
        if !geteuid().is_root() {
            return Err(Refusal::NotRoot);
        }
        let path = escape(request.dest.as_os_str().as_bytes());
        match request.dest_fd {
            Some(fd) => Self::from_descriptor(fd, request.uid, path),
            None => {
                let location = open_parent(&request.dest).map_err(|error| match error {
                    PathError::Missing => Refusal::Missing,
                    error => Refusal::Path(error),
                })?;
                Self::open_at(location, request.uid, path)
            }
        }
    }

    /// Opens the directory at `location`. `path` is its name in messages.
    ///
    /// Another remover may work on the same directory. What it removes meanwhile counts as missing, not as an error.
    pub(crate) fn open_at(location: Location, uid: Uid, path: String) -> Result<Self, Refusal> {
        // Of a symbolic link, this opens the link itself (O_PATH with O_NOFOLLOW). It is refused below.
        let open = |how| resolve::open(location.parent.as_fd(), &location.name, HANDLE, how);
        let opened = match open(INSIDE) {
            Err(Errno::XDEV) => open(BENEATH).map(|directory| (directory, true)),
            opened => opened.map(|directory| (directory, false)),
        };
        let (directory, mounted) = opened.map_err(|errno| match errno {
            Errno::NOENT => Refusal::Missing,
            Errno::LOOP => Refusal::Link(path.clone()),
            errno => Refusal::Open { path: path.clone(), source: Cause(errno) },
        })?;
        let attributes = check_directory(directory.as_fd(), uid, &path).map_err(|refusal| match refusal {
            Refusal::Owner { .. }
                if is_retired(&path) && remove_empty_mount_point(&location, directory.as_fd()) =>
            {
                Refusal::Missing
            }
            refusal => refusal,
        })?;
        if !mounted {
            return Ok(Self { directory, attributes, kind: Kind::Plain(location) });
        }
        check_tmpfs(directory.as_fd(), &path)?;
        Ok(Self { directory, attributes, kind: Kind::Mounted(location) })
    }

    /// Opens the directory of a descriptor that the caller has left open. Only a tmpfs is accepted: its mount may be
    /// detached already, so only the file system tells what the directory is.
    fn from_descriptor(fd: RawFd, uid: Uid, path: String) -> Result<Self, Refusal> {
        // The descriptor is opened again by its number, so the number need not be trusted: one that is not open is an
        // error.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/self/fd/{fd}"), flags, Mode::empty())
            .map_err(|errno| Refusal::Descriptor { fd, source: Cause(errno) })?;
        let attributes = check_directory(directory.as_fd(), uid, &path)?;
        check_tmpfs(directory.as_fd(), &path)?;
        Ok(Self { directory, attributes, kind: Kind::Given })
    }

    /// The bytes in use on the directory's own tmpfs; `None` for a directory of another file system.
    pub(crate) fn used_bytes(&self) -> Option<u64> {
        match self.kind {
            Kind::Mounted(_) | Kind::Given => used_bytes(self.directory.as_fd()),
            Kind::Plain(_) => None,
        }
    }
}

/// Checks that `directory` is a directory of the user's, or one that a killed run has seized.
fn check_directory(directory: BorrowedFd<'_>, uid: Uid, path: &str) -> Result<Attributes, Refusal> {
    let attributes = Attributes::of(directory)
        .map_err(|errno| Refusal::Open { path: path.to_owned(), source: Cause(errno) })?;
    if attributes.is_symlink() {
        return Err(Refusal::Link(path.to_owned()));
    }
    if !attributes.is_directory() {
        return Err(Refusal::NotDirectory(path.to_owned()));
    }
    if attributes.uid != uid && !is_seized(&attributes) {
        return Err(Refusal::Owner { path: path.to_owned(), owner: attributes.uid, uid });
    }
    Ok(attributes)
}

/// Whether the directory lies among the retired, where the broker makes mount points.
fn is_retired(path: &str) -> bool {
    Path::new(path).parent().and_then(Path::file_name).is_some_and(|name| name == RETIRED)
}

/// Removes an empty mount point, and tells whether it is gone. It must lie where only root can make one.
///
/// A remover that detaches a tmpfs and is killed before it removes the mount point leaves one behind. Another remover
/// that is still at work has one for a moment.
fn remove_empty_mount_point(location: &Location, directory: BorrowedFd<'_>) -> bool {
    let private_to_root = |fd| Attributes::of(fd).is_ok_and(|attributes| attributes.is_private_to_root());
    private_to_root(location.parent.as_fd())
        && private_to_root(directory)
        && matches!(
            unlinkat(&location.parent, &location.name, AtFlags::REMOVEDIR),
            Ok(()) | Err(Errno::NOENT)
        )
}

fn check_tmpfs(directory: BorrowedFd<'_>, path: &str) -> Result<(), Refusal> {
    let path = path.to_owned();
    match FileSystem::of(directory) {
        Ok(FileSystem::Tmpfs) => Ok(()),
        Ok(FileSystem::Other) => Err(Refusal::NotTmpfs(path)),
        Ok(FileSystem::NoAnswer) => Err(Refusal::NoAnswer(path)),
        Ok(FileSystem::Hangs(child)) => Err(Refusal::Hangs { path, child }),
        Err(source) => Err(Refusal::Ask { path, source }),
    }
}
