//! Tests of the real command, as root, on directories below the temporary directory.
//!
//! [`stage`] makes a user's directory and runs the command on it. [`tree`], [`fuse`] and [`holder`] provide what
//! tests need. The other modules are the tests, one subject each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first error")]

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
