//! What is known about the module: its options, and the mark that says its release. The code is the module's own, so that both
//! know the same.

#[allow(unexpected_cfgs, reason = "the module can be built with a feature for tests, which adds an option")]
#[allow(dead_code, reason = "ckctl only needs to know which options are ignored")]
#[path = "../../../pam_ck/src/options.rs"]
mod options;
#[allow(dead_code, reason = "the module keeps the mark, and ckctl reads it")]
#[path = "../../../pam_ck/src/release.rs"]
mod release;

pub(super) use options::Options;
pub(super) use release::find as release;
