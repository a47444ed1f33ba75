//! A deliberate panic for tests. The option `fault=POINT` tells at which point. It exists only with the feature
//! `fault`.

use crate::options::Options;

/// At the start of a login and of a logout.
pub(crate) const START: &str = "start";
/// After the broker has opened the session, and before its id is stored on the handle.
pub(crate) const OPENED: &str = "opened";

/// Panics if `options` name this `point`.
#[expect(clippy::panic, reason = "the feature exists for this panic")]
pub(crate) fn panic_at(point: &str, options: &Options) {
    if options.fault == point {
        panic!("asked for\nby the option");
    }
}
