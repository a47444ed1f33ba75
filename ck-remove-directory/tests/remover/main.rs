//! The real command, as root, on directories of its own under the temporary directory.
//!
//! [`stage`] makes a user's directory and runs the command on it; the rest are the tests, by what they are
//! about.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

mod failing_calls;
mod fuse;
mod given_back;
mod held;
mod holder;
mod hostile;
mod hung;
mod killed;
mod leftovers;
mod mounted;
mod moved;
mod nested;
mod ordinary;
mod privileges;
mod race;
mod refused;
mod speed;
mod stage;
mod sweep;
mod tree;
