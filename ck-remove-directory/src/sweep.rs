//! `--sweep`: takes away mount points that nobody needs any more, with whatever is still mounted on them.
//!
//! Their names begin with [`PREFIX`], in a directory that nobody but root can enter. Nothing that is mounted is asked
//! anything: a handle to its root is all that detaching takes. Who detaches a file system last frees it, which may
//! take seconds: that is what the broker has a process of its own for.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::time::Instant;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat2, unlinkat};
use rustix::io::{self, Errno};
use rustix::process::geteuid;

use crate::answer::Reply;
use crate::arguments::SweepRequest;
use crate::cause::Cause;
use crate::mounts::{BENEATH, detach_at, is_mount_point};
use crate::parents::{self, WayError};
use crate::report::{GONE, LEFT, complain, escape};
use crate::status::Status;

/// How the names begin that are swept away; `ck-broker` gives them.
pub(crate) const PREFIX: &[u8] = b"empty-";

/// Why nothing is swept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SweepError {
    #[error("must be started by root")]
    NotRoot,
    #[error(transparent)]
    Way(WayError),
    #[error("{path}: cannot open")]
    Open { path: String, source: Cause },
    #[error("{0}: not root's alone, give a directory of root's with mode 0700")]
    NotRoots(String),
    #[error("{path}: cannot list")]
    List { path: String, source: Cause },
}

/// Sweeps until `deadline`, names on standard error what stays, and returns the status to exit with.
pub(crate) fn sweep(request: &SweepRequest, deadline: Instant, reply: &Reply<'_>) -> Result<u8, SweepError> {
    let path = escape(request.directory.as_os_str().as_bytes());
    let directory = open(request, &path)?;
    let names = list(directory.as_fd())
        .map_err(|errno| SweepError::List { path: path.clone(), source: errno.into() })?;
    let mut status = GONE;
    for (swept, name) in (1..).zip(names) {
        if let Err(errno) = take_away(directory.as_fd(), &name, deadline) {
            complain(&format!("{path}/{}: {}", escape(name.to_bytes()), Cause(errno)));
            status = LEFT;
        }
        reply.count(swept);
    }
    Ok(status)
}

fn open(request: &SweepRequest, path: &str) -> Result<OwnedFd, SweepError> {
    if !geteuid().is_root() {
        return Err(SweepError::NotRoot);
    }
    let place = parents::open_parent(&request.directory).map_err(SweepError::Way)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let cannot_open = |errno: Errno| SweepError::Open { path: path.to_owned(), source: errno.into() };
    let handle =
        openat2(&place.parent, &place.name, parents::HANDLE, Mode::empty(), BENEATH).map_err(cannot_open)?;
    // Asked before it is opened: what is somebody else's may not answer.
    let status = Status::of(&handle).map_err(cannot_open)?;
    if !status.is_roots_alone() {
        return Err(SweepError::NotRoots(path.to_owned()));
    }
    openat2(&handle, c".", flags, Mode::empty(), BENEATH).map_err(cannot_open)
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

/// Detaches what is mounted on `name`, the uppermost first, and removes it. One that is gone is fine.
fn take_away(directory: BorrowedFd<'_>, name: &CStr, deadline: Instant) -> io::Result<()> {
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
    // A mount point may be a file, as the socket of an earlier broker is.
    let removed = match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOTDIR) => unlinkat(directory, name, AtFlags::empty()),
        removed => removed,
    };
    match removed {
        Err(Errno::NOENT) => Ok(()),
        removed => removed,
    }
}
