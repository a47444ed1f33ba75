//! The file system behind a descriptor: its type, and the bytes in use.

use crate::child::{ChildError, ChildProcess, RunsAs};
use rustix::{fs::fstatfs, process::Pid};
use std::{
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

/// How long a file system may take to tell its type. A tmpfs takes microseconds.
const TYPE_TIMEOUT: Duration = Duration::from_secs(2);

/// `f_type` of a tmpfs (statfs(2)).
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// The type of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Tmpfs,
    Other,
    /// The file system does not answer.
    NoAnswer,
    /// The file system does not answer, and the child that asked it hangs in the kernel.
    Hangs(Pid),
}

impl FileSystem {
    /// The type of the file system that `fd` is on.
    ///
    /// fstatfs(2) asks the file system. If its server hangs, the call never returns, and it cannot always be
    /// interrupted. A child therefore makes the call. The child is killed after [`TYPE_TIMEOUT`], and left behind if
    /// it does not end.
    pub(crate) fn of(fd: BorrowedFd<'_>) -> Result<Self, ChildError> {
        let until = Instant::now() + TYPE_TIMEOUT;
        let child = ChildProcess::start(RunsAs::Root, fd, |fd, sender| {
            let tmpfs = fstatfs(fd).is_ok_and(|found| u64::try_from(found.f_type) == Ok(TMPFS_MAGIC));
            sender.count(u64::from(tmpfs));
        })?;
        let answer = child.watch(until)?;
        Ok(match (answer.count, answer.abandoned) {
            (Some(1), _) => Self::Tmpfs,
            (Some(_), _) => Self::Other,
            (None, Some(child)) => Self::Hangs(child),
            (None, None) => Self::NoAnswer,
        })
    }
}

/// The bytes in use on the tmpfs that `fd` is on; `None` if the tmpfs has no size limit and so does not count them.
///
/// Call this only for a file system that is known to be a tmpfs: another one may not answer.
pub(crate) fn used_bytes(fd: BorrowedFd<'_>) -> Option<u64> {
    let found = fstatfs(fd).ok().filter(|found| found.f_blocks > 0)?;
    let block = u64::try_from(found.f_bsize).ok()?;
    found.f_blocks.checked_sub(found.f_bfree)?.checked_mul(block)
}
