//! The rules of the session broker, as plain values.
//!
//! Nothing here performs input or output, reads a clock, or starts a process or a thread. The broker tells these values
//! what happened and what time it is, and carries out what they return. Each of them can therefore be tested alone, with
//! any sequence of inputs.
//!
//! - [`compat`] writes what is published for software that does not know us.
//! - [`model`] holds the facts: logins, leaders, session records, runtime directories, hook events, limits.
//! - [`registry`] is the table of sessions and users. It takes an input and returns effects.
//! - [`policy`] is the table of permissions. It answers requests, and selects the events that a subscriber receives.
//! - [`events`] holds the subscriptions: a snapshot, the changes after it, and what was lost.
//! - [`order`] decides which work is due next: hooks and teardowns.
//! - [`metrics`] measures logins and teardowns: how often, how long.
//! - [`processes`] is what lines of proc_pid_stat(5) say of sessions: their terminals, what runs on them.
//! - [`json`] writes facts for programs: the history, hooks and `ckctl` share one form.
//!
//! The crate depends on `ck-protocol` and `serde` alone. `clippy.toml` and `tests/tests/hosts/dependencies.rs` enforce this.
#![forbid(unsafe_code)]

pub mod compat;
pub mod events;
pub mod json;
pub mod metrics;
pub mod model;
pub mod order;
pub mod policy;
pub mod processes;
pub mod registry;
#[cfg(test)]
mod tests;
