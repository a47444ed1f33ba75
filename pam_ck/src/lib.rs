//! `pam_ck.so`: asks the session broker for a session at login and gives it back at logout.
//!
//! It runs inside sshd, login, su: programs that it must never harm. So every failure is a line
//! in the log and the login goes on (unless the option `strict` says otherwise), everything has
//! one deadline, and nothing of it stays in its host.
//!
//! ```text
//! libpam ──▶ pamh ──▶ guard ──▶ session ──▶ facts ──▶ client ──▶ environment
//!          (unsafe) (panics)                          └ session.sock
//! ```
//!
//! Every path that is used passes `lookup`, which waits for no lock that somebody else can hold.
//!
//! `pamh` has the two exported functions and every call into libpam; `session` is what they do,
//! written against the trait `Host`, so that it can be tested where libpam would have to fail.
#![deny(unsafe_code)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not end sshd: build pam_ck with panic = \"unwind\"");

mod client;
mod environment;
mod facts;
#[cfg(feature = "fault")]
mod fault;
mod guard;
mod lookup;
#[cfg(test)]
mod lookup_tests;
mod options;
#[allow(unsafe_code, reason = "PAM is a C interface: every call over it is in this file")]
mod pamh;
mod session;
mod syslog;
