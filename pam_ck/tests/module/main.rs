//! Tests of the built module. The real libpam loads it, and it talks to a broker whose answers the test chooses.
//!
//! Each test has a [`bed::Bed`]: a directory, a pam.d of its own, and a `/dev/log` that only its thread sees. The
//! tests need root. They change nothing on the machine outside this directory.
#![deny(unsafe_code)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "this is test code")]

#[allow(unsafe_code, reason = "PAM is a C interface, and every call to it is in this file")]
mod application;
mod bed;
mod broker;
mod built;
mod bus;
mod closing;
#[allow(unsafe_code, reason = "it calls into the shared object")]
mod directly;
mod held;
#[allow(unsafe_code, reason = "it maps memory that the kernel has to ask for")]
mod holder;
mod host_unchanged;
mod hostile;
mod opening;
#[allow(unsafe_code, reason = "signal handlers are C functions")]
mod signals;
mod waiting;

/// `PAM_SESSION_ERR`
const SESSION_ERR: std::ffi::c_int = 14;
