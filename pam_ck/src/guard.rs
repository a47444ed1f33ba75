//! Keeps a panic out of the stack of the host, and out of its standard error.

use crate::{
    host::{Host, Status},
    options::Options,
    syslog::Level,
};
use nix::errno::Errno;
use std::{
    any::Any,
    ffi::CStr,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

/// Runs `action` with the options in `arguments`. A panic becomes one line in the log, and then a failure like any
/// other.
pub(crate) fn run<'a, H: Host>(
    host: &mut H,
    arguments: impl Iterator<Item = &'a CStr>,
    action: fn(&mut H, &Options) -> Status,
) -> Status {
    let _errno = SavedErrno(Errno::last_raw());
    silence_panics();
    let mut options = Options::default();
    // After a panic, only `options.strict` and the log of the host are used. A panic leaves both usable.
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        options.read(arguments);
        #[cfg(feature = "fault")]
        crate::fault::panic_at(crate::fault::START, &options);
        action(host, &options)
    }));
    outcome.unwrap_or_else(|payload| {
        let line = format!("internal error: {}; please report it", message(&*payload));
        // The log itself may have panicked.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| host.log(Level::Error, &line)));
        Status::of_failure(&options)
    })
}

/// Replaces the panic hook, which prints to the standard error of the host.
///
/// The hook belongs to this module's own copy of the standard library. A host that is written in Rust keeps its hook.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| panic::set_hook(Box::new(|_| ())));
}

/// Restores errno when it is dropped. A host may read errno after the call.
struct SavedErrno(i32);

impl Drop for SavedErrno {
    fn drop(&mut self) {
        Errno::set_raw(self.0);
    }
}

/// The message of a panic.
fn message(payload: &(dyn Any + Send)) -> &str {
    let formatted = payload.downcast_ref::<String>().map(String::as_str);
    formatted.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errno_is_restored() {
        Errno::set_raw(4242);
        let saved = SavedErrno(Errno::last_raw());
        Errno::set_raw(7);
        drop(saved);
        assert_eq!(Errno::last_raw(), 4242);
    }
}
