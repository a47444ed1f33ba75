//! The signal handlers of the test process.

use nix::{
    libc,
    sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction},
};
use std::{ffi::c_int, mem, ptr};

extern "C" fn note(_: c_int) {}

/// Lets SIGUSR1 interrupt system calls. The handler does nothing, and `SA_RESTART` is not set.
pub(crate) fn let_signals_interrupt() {
    handle(Signal::SIGUSR1, SigHandler::Handler(note));
}

/// Sets SIGPIPE to its default, as it is in login. Rust's runtime ignores it.
pub(crate) fn die_of_broken_pipes() {
    handle(Signal::SIGPIPE, SigHandler::SigDfl);
}

fn handle(signal: Signal, handler: SigHandler) {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: `note` does nothing, so it may run at any time.
    unsafe { sigaction(signal, &action) }.unwrap();
}

/// The handler and the flags of each signal, and the address and the flags of the alternate stack.
pub(crate) fn handlers() -> Vec<(usize, c_int)> {
    let handler = |signal| {
        // SAFETY: all-zero bytes are a valid value of the structure.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        // SAFETY: a null action changes nothing. libc writes into `action`, which outlives the call.
        unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) };
        (action.sa_sigaction, action.sa_flags)
    };
    // SAFETY: all-zero bytes are a valid value of the structure.
    let mut stack: libc::stack_t = unsafe { mem::zeroed() };
    // SAFETY: a null stack changes nothing. libc writes into `stack`, which outlives the call.
    unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) };
    (1..=libc::SIGRTMAX()).map(handler).chain([(stack.ss_sp.addr(), stack.ss_flags)]).collect()
}
