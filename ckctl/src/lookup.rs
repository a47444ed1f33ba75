//! Looks up the path of the broker's socket without waiting for a directory that somebody holds.
//!
//! The code is the PAM module's, which has the same problem. This file makes it a module of its own here, so that its users
//! do not depend on the root of the crate.

#[allow(
    dead_code,
    reason = "the module and the broker also look up links themselves, and keep what they find"
)]
#[path = "../../pam_ck/src/lookup.rs"]
mod shared;

pub(crate) use shared::{Last, find};
