//! The directory to be removed: opened once, checked, and refused unless it is plainly the user's.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Uid, openat, openat2, unlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, geteuid};

use crate::arguments::Request;
use crate::cause::Cause;
use crate::mounts::{self, BENEATH, FileSystem, INSIDE};
use crate::parents::{self, HANDLE, Place, WayError};
use crate::report::escape;
use crate::status::Status;
use crate::worker::WorkerError;

/// What has to happen to the directory once it is empty.
#[derive(Debug)]
pub(crate) enum Kind {
    /// A plain directory: remove its name.
    Plain(Place),
    /// The root of a tmpfs: detach it, then remove the mount point beneath.
    Mounted(Place),
    /// A descriptor that was given to us: nothing more.
    Given,
}

/// A directory that may be emptied.
#[derive(Debug)]
pub(crate) struct Destination {
    /// An O_PATH descriptor of the directory.
    pub(crate) directory: OwnedFd,
    pub(crate) status: Status,
    pub(crate) kind: Kind,
}

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("must be started by root")]
    NotRoot,
    #[error(transparent)]
    Way(WayError),
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
    #[error("{0}: something else than a tmpfs is mounted there, unmount it first")]
    NotTmpfs(String),
    #[error("{0}: what is mounted there does not answer, unmount it first")]
    Silent(String),
    #[error("{path}: child {} hangs in the kernel", child.as_raw_pid())]
    Hangs { path: String, child: Pid },
    #[error("{path}: cannot ask for the file system's type")]
    Ask { path: String, source: WorkerError },
}

impl Destination {
    /// Opens what `request` names, without following a link in its last component.
    pub(crate) fn open(request: &Request) -> Result<Self, Refusal> {
        if !geteuid().is_root() {
            return Err(Refusal::NotRoot);
        }
        let path = escape(request.dest.as_os_str().as_bytes());
        match request.dest_fd {
            Some(fd) => Self::adopt(fd, request.uid, path),
            None => {
                let place = parents::open_parent(&request.dest).map_err(|error| match error {
                    WayError::Missing => Refusal::Missing,
                    error => Refusal::Way(error),
                })?;
                Self::at(place, request.uid, path)
            }
        }
    }

    /// Opens what is at `place` now; `path` is its name in messages.
    ///
    /// Another remover may be at the same directory: what it takes away meanwhile is missing, not an error.
    pub(crate) fn at(place: Place, uid: Uid, path: String) -> Result<Self, Refusal> {
        // A link is opened itself (O_PATH with O_NOFOLLOW), and refused below.
        let open = |resolve| openat2(&place.parent, &place.name, HANDLE, Mode::empty(), resolve);
        let opened = match open(INSIDE) {
            Err(Errno::XDEV) => open(BENEATH).map(|directory| (directory, true)),
            opened => opened.map(|directory| (directory, false)),
        };
        let (directory, mounted) = opened.map_err(|errno| match errno {
            Errno::NOENT => Refusal::Missing,
            Errno::LOOP => Refusal::Link(path.clone()),
            errno => Refusal::Open { path: path.clone(), source: Cause(errno) },
        })?;
        let status = owned_directory(directory.as_fd(), uid, &path).map_err(|refusal| match refusal {
            Refusal::Owner { .. } if is_removed_mount_point(&place, directory.as_fd()) => Refusal::Missing,
            refusal => refusal,
        })?;
        if !mounted {
            return Ok(Self { directory, status, kind: Kind::Plain(place) });
        }
        must_be_tmpfs(directory.as_fd(), &path)?;
        Ok(Self { directory, status, kind: Kind::Mounted(place) })
    }

    /// Bytes in use on a tmpfs of the directory's own; `None` where it is a directory of another file system.
    pub(crate) fn used_bytes(&self) -> Option<u64> {
        match self.kind {
            Kind::Mounted(_) | Kind::Given => mounts::used_bytes(self.directory.as_fd()),
            Kind::Plain(_) => None,
        }
    }

    /// Takes a descriptor that the caller left open. It comes from a mount that may be detached already, so
    /// that nothing says what it is but its file system; only a tmpfs is taken.
    fn adopt(fd: RawFd, uid: Uid, path: String) -> Result<Self, Refusal> {
        // Opening it anew by its number needs no trust in the number: one that is not open is an error.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/self/fd/{fd}"), flags, Mode::empty())
            .map_err(|errno| Refusal::Descriptor { fd, source: Cause(errno) })?;
        let status = owned_directory(directory.as_fd(), uid, &path)?;
        must_be_tmpfs(directory.as_fd(), &path)?;
        Ok(Self { directory, status, kind: Kind::Given })
    }
}

fn owned_directory(directory: BorrowedFd<'_>, uid: Uid, path: &str) -> Result<Status, Refusal> {
    let status = Status::of(directory)
        .map_err(|errno| Refusal::Open { path: path.to_owned(), source: Cause(errno) })?;
    if status.is_symlink() {
        return Err(Refusal::Link(path.to_owned()));
    }
    if !status.is_directory() {
        return Err(Refusal::NotDirectory(path.to_owned()));
    }
    if status.uid != uid && !status.is_seized() {
        return Err(Refusal::Owner { path: path.to_owned(), owner: status.uid, uid });
    }
    Ok(status)
}

/// Removes what is left of a directory when a remover is killed, or is still at work, between the last two calls: an empty
/// mount point, where only root can make one. Tells whether it is gone.
fn is_removed_mount_point(place: &Place, directory: BorrowedFd<'_>) -> bool {
    let is_roots_alone = |fd| Status::of(fd).is_ok_and(|status| status.is_roots_alone());
    is_roots_alone(place.parent.as_fd())
        && is_roots_alone(directory)
        && matches!(unlinkat(&place.parent, &place.name, AtFlags::REMOVEDIR), Ok(()) | Err(Errno::NOENT))
}

fn must_be_tmpfs(directory: BorrowedFd<'_>, path: &str) -> Result<(), Refusal> {
    let path = path.to_owned();
    match mounts::file_system(directory) {
        Ok(FileSystem::Tmpfs) => Ok(()),
        Ok(FileSystem::Another) => Err(Refusal::NotTmpfs(path)),
        Ok(FileSystem::Silent) => Err(Refusal::Silent(path)),
        Ok(FileSystem::Hangs(child)) => Err(Refusal::Hangs { path, child }),
        Err(source) => Err(Refusal::Ask { path, source }),
    }
}
