//! What the tests of several modules need.

use std::time::Instant;

#[allow(
    clippy::disallowed_methods,
    reason = "an instant can be had from the clock only; its value does not matter"
)]
pub(crate) fn some_time() -> Instant {
    Instant::now()
}
