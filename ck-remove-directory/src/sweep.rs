//! `--sweep`: removes the mount points in a directory that are no longer needed, and what is mounted on them.
//!
//! Their names begin with [`PREFIX`], in a directory that only root can enter. The mounted file systems are asked
//! nothing: a handle to the root of a mount is enough to detach it. The process that detaches a file system last also
//! frees it, which may take seconds. The broker therefore starts a process for this.

use crate::{
    answer::AnswerSender,
    arguments::SweepRequest,
    attributes::Attributes,
    cause::Cause,
    exit_status::{GONE, LEFT},
    mounts::{detach_at, is_mount_point},
    path::{PathError, open_parent},
    print::complain,
    resolve::{self, BENEATH, HANDLE},
    text::escape,
};
use rustix::{
    fs::{AtFlags, Dir, OFlags, unlinkat},
    io::{self, Errno},
    process::geteuid,
};
use std::{
    ffi::{CStr, CString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    time::Instant,
};

/// How the names begin that are removed. `ck-broker` gives them.
const PREFIX: &[u8] = b"empty-";

/// Why nothing is removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error("must be started by root")]
    NotRoot,
    #[error(transparent)]
    Path(PathError),
    #[error("{path}: cannot open")]
    Open { path: String, source: Cause },
    #[error("{0}: not root's alone, give a directory of root's with mode 0700")]
    NotPrivate(String),
    #[error("{path}: cannot list")]
    List { path: String, source: Cause },
}

/// Sweeps until `deadline`. Names on standard error what stays, and returns the exit status.
pub(crate) fn sweep(
    request: &SweepRequest,
    deadline: Instant,
    sender: &AnswerSender<'_>,
) -> Result<u8, SweepError> {
    let path = escape(request.directory.as_os_str().as_bytes());
    let directory = open(request, &path)?;
    let names = list(directory.as_fd())
        .map_err(|errno| SweepError::List { path: path.clone(), source: errno.into() })?;
    let mut status = GONE;
    for (visited, name) in (1..).zip(names) {
        if let Err(errno) = remove(directory.as_fd(), &name, deadline) {
            complain(&format!("{path}/{}: {}", escape(name.to_bytes()), Cause(errno)));
            status = LEFT;
        }
        sender.count(visited);
    }
    Ok(status)
}

fn open(request: &SweepRequest, path: &str) -> Result<OwnedFd, SweepError> {
    if !geteuid().is_root() {
        return Err(SweepError::NotRoot);
    }
    let location = open_parent(&request.directory).map_err(SweepError::Path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let cannot_open = |errno: Errno| SweepError::Open { path: path.to_owned(), source: errno.into() };
    let handle =
        resolve::open(location.parent.as_fd(), &location.name, HANDLE, BENEATH).map_err(cannot_open)?;
    // The handle is checked before it is opened for reading: the file system of another user may not answer.
    let attributes = Attributes::of(&handle).map_err(cannot_open)?;
    if !attributes.is_private_to_root() {
        return Err(SweepError::NotPrivate(path.to_owned()));
    }
    resolve::open(handle.as_fd(), c".", flags, BENEATH).map_err(cannot_open)
}

fn list(directory: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.to_bytes().starts_with(PREFIX) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Detaches what is mounted on `name`, the uppermost mount first, and removes `name`. It is no error if the name is
/// gone.
fn remove(directory: BorrowedFd<'_>, name: &CStr, deadline: Instant) -> io::Result<()> {
    loop {
        if Instant::now() >= deadline {
            return Err(Errno::TIMEDOUT);
        }
        match is_mount_point(directory, name) {
            Ok(true) => detach_at(directory, name)?,
            Ok(false) => break,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
    // A mount point may be a file, such as the socket of an earlier broker.
    let removed = match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTDIR) => unlinkat(directory, name, AtFlags::empty()),
        removed => removed,
    };
    match removed {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}
