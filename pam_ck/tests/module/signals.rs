//! What a process does with its signals.

use nix::{
    libc,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
};
use std::{ffi::c_int, mem, ptr};

extern "C" fn note(_: c_int) {}

/// Lets SIGUSR1 interrupt system calls: a handler that does nothing, without `SA_RESTART`.
pub(crate) fn let_signals_interrupt() {
    handle(Signal::SIGUSR1, SigHandler::Handler(note));
}

/// Undoes what Rust's runtime does for SIGPIPE, so that this process is like login.
pub(crate) fn die_of_broken_pipes() {
    handle(Signal::SIGPIPE, SigHandler::SigDfl);
}

fn handle(signal: Signal, handler: SigHandler) {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: `note` does nothing, so it may run at any time.
    unsafe { sigaction(signal, &action) }.unwrap();
}

/// The handler and the flags of each signal, and where the alternate stack is.
pub(crate) fn handlers() -> Vec<(usize, c_int)> {
    let handler = |signal| {
        // SAFETY: a null action only asks; all-zero bytes are a value of the structure.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: as above; libc writes into `action`, which lives as long as the call.
        unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
        (action.sa_sigaction, action.sa_flags)
    };
    // SAFETY: as above.
    let mut stack: libc::stack_t = unsafe { mem::zeroed() };
    // SAFETY: a null stack only asks, and libc writes into `stack`.
    unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    (1..=libc::SIGRTMAX()).map(handler).chain([(stack.ss_sp.addr(), stack.ss_flags)]).collect()
}
