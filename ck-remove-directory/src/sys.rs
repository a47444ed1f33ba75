//! The only unsafe code: starts a child that has only the descriptors that it needs.

use nix::unistd::{ForkResult, fork};
use rustix::{io::Errno, process::Pid};
use std::{
    os::fd::RawFd,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Forks a child that runs `work` and ends. Only the descriptors in `keep` are open in it.
///
/// The child never returns from this function, not even if `work` panics.
pub(crate) fn fork_child(keep: &[RawFd], work: impl FnOnce()) -> Result<Pid, Errno> {
    // SAFETY: this program never starts a thread. No lock in the child's copy of memory is therefore held by a thread
    // that does not exist in the child, so the child may allocate and use std.
    let forked = unsafe { fork() }.map_err(|error| Errno::from_raw_os_error(error as i32))?;
    match forked {
        ForkResult::Parent { child } => Pid::from_raw(child.as_raw()).ok_or(Errno::CHILD),
        ForkResult::Child => {
            close_all_but(keep);
            // A child that unwinds out of this function would continue as a second parent. The panic message is lost
            // with stderr. The parent sees that the child ended without a result.
            let _ = catch_unwind(AssertUnwindSafe(work));
            // SAFETY: _exit takes no memory and runs no handler. The copies of the parent's buffers and owned
            // descriptors are neither flushed nor dropped.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Closes every descriptor that is not in `keep`. Only the child calls this: its owners of the others are never
/// dropped.
fn close_all_but(keep: &[RawFd]) {
    let mut keep = keep.to_vec();
    keep.sort_unstable();
    let mut next = 0;
    for fd in keep {
        close_range(next, fd - 1);
        next = fd.saturating_add(1);
    }
    close_range(next, RawFd::MAX);
}

/// Closes `first..=last`. A kernel before 5.9 has no such call. There the descriptors stay open in the child, which
/// neither passes them on nor uses them.
fn close_range(first: RawFd, last: RawFd) {
    if first <= last {
        // SAFETY: the child ends by _exit, so its owners of these descriptors are neither used nor dropped again. No
        // descriptor that is closed here is closed a second time.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}
