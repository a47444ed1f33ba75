//! Mounts: recognised without asking the file system that they carry, and detached without touching it.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, ResolveFlags, fstatfs, openat2};
use rustix::io::{self, Errno};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::Pid;

use crate::parents::HANDLE;
use crate::worker::{Whose, Worker, WorkerError};

/// How one lookup beneath a directory is kept there: no links, no `..`.
pub(crate) const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// [`BENEATH`], and on this side of every mount: a bind mount of the same file system has an equal
/// st_dev, so that only the kernel's own NO_XDEV sees it.
pub(crate) const INSIDE: ResolveFlags = BENEATH.union(ResolveFlags::NO_XDEV);

/// How long a file system may take to say of what type it is. A tmpfs takes microseconds.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// `f_type` of a tmpfs (statfs(2)).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// The path through which a descriptor's own inode can be named, where a call takes only paths.
///
/// It takes a borrow, and never `impl AsFd`: a descriptor given away would be closed before the path is used.
pub(crate) fn path_of(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Whether something is mounted on `name` in `parent`. Never blocks, whatever is mounted there.
pub(crate) fn is_mount_point(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match openat2(parent, name, HANDLE, Mode::empty(), INSIDE) {
        Ok(_) => Ok(false),
        Err(Errno::XDEV) => Ok(true),
        Err(errno) => Err(errno),
    }
}

/// Detaches what is mounted on `name` in `parent`: the uppermost, if there are several.
///
/// The handle names the mounted root itself, so that nothing is walked into: a hung FUSE mount is
/// detached like any other.
pub(crate) fn detach_at(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    detach(openat2(parent, name, HANDLE, Mode::empty(), BENEATH)?.as_fd())
}

/// Detaches the mount whose root `root` is. EINVAL where it is no mount's root.
pub(crate) fn detach(root: BorrowedFd<'_>) -> io::Result<()> {
    unmount(path_of(root), UnmountFlags::DETACH)
}

/// Bytes in use on the tmpfs that `fd` is on; `None` where it does not count them (no size limit).
///
/// Only for a file system that is known to be a tmpfs: others may not answer.
pub(crate) fn used_bytes(fd: BorrowedFd<'_>) -> Option<u64> {
    let found = fstatfs(fd).ok().filter(|found| found.f_blocks > 0)?;
    let block = u64::try_from(found.f_bsize).ok()?;
    found.f_blocks.checked_sub(found.f_bfree)?.checked_mul(block)
}

/// What the file system behind a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Tmpfs,
    Another,
    /// It does not say.
    Silent,
    /// It does not say, and this child that asked hangs in the kernel.
    Hangs(Pid),
}

/// Asks what `fd` is on.
///
/// fstatfs(2) asks the file system, and one whose server hangs never answers and cannot always be
/// interrupted. So a child asks: it is killed after [`ANSWER_TIME`], and left behind if even that does not
/// end it.
pub(crate) fn file_system(fd: BorrowedFd<'_>) -> Result<FileSystem, WorkerError> {
    let until = Instant::now() + ANSWER_TIME;
    let worker = Worker::start(Whose::Roots, fd, |fd, reply| {
        let tmpfs = fstatfs(fd).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS_MAGIC));
        reply.count(u64::from(tmpfs));
    })?;
    let answer = worker.watch(until)?;
    Ok(match (answer.count, answer.left_behind) {
        (Some(1), _) => FileSystem::Tmpfs,
        (Some(_), _) => FileSystem::Another,
        (None, Some(child)) => FileSystem::Hangs(child),
        (None, None) => FileSystem::Silent,
    })
}
