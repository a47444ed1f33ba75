//! How the kernel resolves the names that the remover looks up: without following links, and without crossing mounts.

use rustix::fs::{OFlags, ResolveFlags};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Opens a handle (O_PATH): reads nothing, never blocks, and does not follow a link in the last component.
pub(crate) const HANDLE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Keeps a look-up beneath the directory in which it starts: no links, no way out by `..`.
pub(crate) const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// [`BENEATH`], and without crossing a mount.
///
/// Only the kernel can check this: a bind mount of the same file system has the same st_dev.
pub(crate) const INSIDE: ResolveFlags = BENEATH.union(ResolveFlags::NO_XDEV);

/// The path in /proc that names the inode of an open descriptor, for system calls that take only paths.
///
/// The parameter is a borrow and never `impl AsFd`: a descriptor that is passed by value would be closed before the
/// path is used.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
