//! Keeps a panic inside: out of the host's stack, and out of its standard error.

use crate::{
    options::Options,
    session::{Host, Status},
    syslog::Level,
};
use nix::errno::Errno;
use std::{
    any::Any,
    ffi::CStr,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

/// Runs `act` with the options that `arguments` spell. A panic becomes one line in the log and a
/// failure like any other.
pub(crate) fn run<'a, H: Host>(
    host: &mut H,
    arguments: impl Iterator<Item = &'a CStr>,
    act: fn(&mut H, &Options) -> Status,
) -> Status {
    let _errno = KeptErrno(Errno::last_raw());
    silence();
    let mut options = Options::default();
    // After a panic, only `options.strict` and the host's log are used: neither can be half-made.
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        options.read(arguments);
        #[cfg(feature = "fault")]
        crate::fault::strike(&options, crate::fault::START);
        act(host, &options)
    }));
    outcome.unwrap_or_else(|payload| {
        let line = format!("internal error: {}; please report it", message(&*payload));
        // The log may be what panicked.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| host.log(Level::Error, &line)));
        Status::of_failure(&options)
    })
}

/// Replaces the hook that prints to standard error, which is the host's. It is that of this
/// module's own copy of the standard library: a host written in Rust keeps its hook.
fn silence() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(|_| ())));
}

/// Sets errno back when it goes: a host may look at it after the call.
struct KeptErrno(i32);

impl Drop for KeptErrno {
    fn drop(&mut self) {
        Errno::set_raw(self.0);
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let formatted = payload.downcast_ref::<String>().map(String::as_str);
    formatted.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_comes_back() {
        Errno::set_raw(4242);
        let kept = KeptErrno(Errno::last_raw());
        Errno::set_raw(7);
        drop(kept);
        assert_eq!(Errno::last_raw(), 4242);
    }
}
