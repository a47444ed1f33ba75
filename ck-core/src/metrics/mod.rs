//! What the broker measures of its own work: how often, how long, how often not.
//!
//! - [`Histogram`] counts durations by their length, since the broker was started;
//! - [`LastHour`] keeps the rate and the longest of the last hour;
//! - [`LoginTimer`] measures the stages of one login;
//! - [`Refusals`] counts what was refused;
//! - [`LoginMetrics`] and [`TeardownMetrics`] put the durations together.
//!
//! The memory of all of them is bounded, and nothing has to be done while nothing happens.

mod histogram;
mod last_hour;
mod login_timer;
mod logins;
mod refusals;
mod teardowns;

pub use histogram::Histogram;
pub use last_hour::{LastHour, Longest};
pub use login_timer::{LoginTimer, STAGES, Stage, Stages};
pub use logins::{LoginMetrics, MeasuredLogin};
pub use refusals::Refusals;
pub use teardowns::{MeasuredTeardown, TeardownMetrics};

#[cfg(test)]
mod tests;
