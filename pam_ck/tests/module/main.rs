//! The built module, loaded by the real libpam, against a broker that does what the test says.
//!
//! Each test has a [`bed::Bed`]: a directory, a pam.d of its own, and a `/dev/log` that only its
//! thread sees. Needs root; touches nothing of the machine outside its directory.
#![deny(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of it is test code")]

#[allow(unsafe_code, reason = "PAM is a C interface: every call over it is in this file")]
mod application;
mod bed;
mod broker;
mod built;
mod closing;
#[allow(unsafe_code, reason = "it calls into the shared object")]
mod directly;
mod held;
#[allow(unsafe_code, reason = "it maps memory of which the kernel is to ask")]
mod holder;
mod host_unchanged;
mod hostile;
mod opening;
#[allow(unsafe_code, reason = "signal handlers are C functions")]
mod signals;
mod waiting;

/// `PAM_SESSION_ERR`
const SESSION_ERR: std::ffi::c_int = 14;
