//! Mount points: recognised without asking the mounted file system, and detached without touching it.

use crate::resolve::{self, BENEATH, HANDLE, INSIDE, proc_path};
use rustix::{
    io::{self, Errno},
    mount::{UnmountFlags, unmount},
};
use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd},
};

/// True if something is mounted on `name` in `parent`. Never blocks.
pub(crate) fn is_mount_point(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match resolve::open(parent, name, HANDLE, INSIDE) {
        Ok(_) => Ok(false),
        Err(Errno::XDEV) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// Detaches what is mounted on `name` in `parent`: the uppermost mount, if there are several.
///
/// The handle names the root of the mount and enters nothing. A hung FUSE mount is therefore detached like any other.
pub(crate) fn detach_at(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    detach(resolve::open(parent, name, HANDLE, BENEATH)?.as_fd())
}

/// Detaches the mount whose root is `root`. EINVAL if `root` is not the root of a mount.
pub(crate) fn detach(root: BorrowedFd<'_>) -> io::Result<()> {
    unmount(proc_path(root), UnmountFlags::DETACH)
}
