//! The only unsafe code: looks at standard output before the standard library does.
//!
//! Before `main`, the standard library opens /dev/null in the place of a standard descriptor that is closed. After that, a
//! closed standard output looks as if somebody had asked for /dev/null, and everything that is written is lost without an
//! error. Functions in `.init_array` run before that.
#![allow(
    unsafe_code,
    reason = "only a function in .init_array sees the descriptors as they were at the start"
)]

use rustix::io::fcntl_getfd;
use std::{
    os::fd::BorrowedFd,
    sync::atomic::{AtomicBool, Ordering},
};

static STDOUT_WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether standard output was closed when this program was started.
pub(crate) fn stdout_was_closed() -> bool {
    STDOUT_WAS_CLOSED.load(Ordering::Relaxed)
}

// SAFETY: the section is an array of pointers to functions that return nothing. The loader calls each of them once, with
// arguments that a function of the C calling convention may ignore. `look` uses nothing that needs to be initialised first.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: the descriptor is not used, only asked about. The kernel answers EBADF if it is not open.
    let stdout = unsafe { BorrowedFd::borrow_raw(1) };
    STDOUT_WAS_CLOSED.store(fcntl_getfd(stdout).is_err(), Ordering::Relaxed);
}
