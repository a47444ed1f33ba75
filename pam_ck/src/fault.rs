//! A panic on purpose, in builds with the feature `fault` only: the option `fault=PLACE` says where.

use crate::options::Options;

/// Before anything is done, at login and at logout.
pub(crate) const START: &str = "start";
/// The broker has opened the session, and the handle does not know its id yet.
pub(crate) const OPENED: &str = "opened";

/// Panics if `options` ask for it at `place`.
#[expect(clippy::panic, reason = "it is what the feature is for")]
pub(crate) fn strike(options: &Options, place: &str) {
    if options.fault == place {
        panic!("asked for\nby the option");
    }
}
