//! The only unsafe code: start a child that holds nothing but the descriptors it needs.

use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::unistd::{ForkResult, fork};
use rustix::io::Errno;
use rustix::process::Pid;

/// Forks a child that runs `work` and ends; no descriptor but those in `keep` is open in it.
///
/// The child never returns from here, not even when `work` panics.
pub(crate) fn fork_child(keep: &[RawFd], work: impl FnOnce()) -> Result<Pid, Errno> {
    // SAFETY: the program never starts a thread, so the child's copy of memory has no lock that is
    // held by a thread that the child does not have: it may allocate and use std.
    let forked = unsafe { fork() }.map_err(|error| Errno::from_raw_os_error(error as i32))?;
    match forked {
        ForkResult::Parent { child } => Pid::from_raw(child.as_raw()).ok_or(Errno::CHILD),
        ForkResult::Child => {
            close_all_but(keep);
            // An unwinding child would go on as a second parent. The message is lost with stderr,
            // and the parent sees an end without a result.
            let _ = catch_unwind(AssertUnwindSafe(work));
            // SAFETY: _exit takes no memory and runs no handler; nothing of the parent's that was
            // copied here (buffers, owned descriptors) is flushed or dropped.
            unsafe { libc::_exit(0) }
        }
    }
}

/// Closes every descriptor but some. Called in the child only, where no owner of the others is ever dropped.
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

/// Closes `first..=last`. A kernel before 5.9 has no such call: there the descriptors stay open in a
/// child that neither hands them on nor looks at them.
fn close_range(first: RawFd, last: RawFd) {
    if first <= last {
        // SAFETY: the child's owners of these descriptors are never used nor dropped again (it ends
        // by _exit), so no descriptor that is closed here is closed a second time.
        unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    }
}
