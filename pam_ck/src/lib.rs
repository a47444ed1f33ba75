//! `pam_ck.so`: opens a session with the session broker at a login, and closes it at the logout.
//!
//! The module runs inside sshd, login and su, which it must never harm. Every failure therefore becomes a line in the
//! log, and the login goes on, except with the option `strict`. There is one deadline for everything. Nothing of the
//! module stays in its host.
//!
//! ```text
//! libpam ──▶ pamh ──▶ guard ──▶ session ──▶ facts ──▶ client ──▶ environment
//!          (unsafe) (panics)                          └ session.sock
//! ```
//!
//! - `pamh` has the two exported functions and every call into libpam.
//! - `guard` keeps panics inside the module.
//! - `session` is what the two functions do. It uses the trait `Host`, so that tests can replace libpam by a host
//!   that fails.
//! - `facts` collects the facts of the login, `client` asks the broker, and `environment` has the variables of the
//!   login. `bus` finds the socket of the user's message bus.
//! - `host` is the trait, with what goes through it. `options` are the words of the pam.d line. `syslog` writes to
//!   the log.
//! - `release` is the mark that says of which release the file is.
//! - `lookup` looks up every path that is used. It never waits for a lock that another user can hold.
#![deny(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not end sshd: build pam_ck with panic = \"unwind\"");

mod bus;
mod client;
mod environment;
mod facts;
#[cfg(test)]
mod fake_host;
#[cfg(feature = "fault")]
mod fault;
mod guard;
mod host;
mod lookup;
#[cfg(test)]
mod lookup_tests;
mod options;
#[allow(unsafe_code, reason = "PAM is a C interface, and every call to it is in this file")]
mod pamh;
#[allow(dead_code, reason = "the module keeps the mark, and ckctl reads it")]
mod release;
mod session;
mod syslog;
