//! `ckctl doctor`: looks at all that a login needs, as a person would by docs/TROUBLESHOOTING.md, and says what to do.
//!
//! - [`report`]: the result of each check, and the form of all of them
//! - `services`: the module in PAM's stacks; `pam_file` and `pam_stack` read them
//! - `module`: the file of the module; `of_module`: code that it shares with ckctl
//! - `sshd`, `broker`, `configuration`, `places`, `manager`: one subject each
//! - `login`: a login on trial; `trial` is the process that makes it, by way of [`crate::libpam`]
//! - `program` starts programs; `processes` and `mount_table` read /proc
//!
//! Nothing is changed, except that a login on trial is a real one.

mod broker;
mod configuration;
mod login;
mod manager;
mod module;
mod mount_table;
mod of_module;
mod pam_file;
mod pam_stack;
mod places;
mod processes;
mod program;
pub mod report;
mod services;
mod sshd;
mod trial;

pub use login::{Login, LoginError};
pub use trial::{TrialError, run as run_trial};

use report::Finding;
use rustix::process::geteuid;
use std::path::Path;

/// Where and as whom ckctl runs.
#[derive(Clone, Copy, Debug)]
struct Here<'a> {
    /// The socket of the broker.
    socket: &'a Path,
    is_root: bool,
}

/// Makes all checks. `socket` is that of the broker.
///
/// # Errors
/// [`LoginError`], if a login was asked for that cannot be tried. Then nothing is checked.
pub fn check(socket: &Path, login: Option<&Login>) -> Result<Vec<Finding>, LoginError> {
    let here = Here { socket, is_root: geteuid().is_root() };
    let trial = login.map(|login| login.prepared(here.is_root)).transpose()?;
    let logins = services::logins();
    let mut findings = services::check(&logins);
    findings.extend(module::check(&logins));
    findings.push(sshd::check(&here));
    findings.push(configuration::check(&here));
    let (facts, of_broker) = broker::check(&here);
    findings.extend(of_broker);
    findings.extend(places::check(&here, facts.as_ref()));
    findings.extend(manager::check(facts.as_ref(), &logins));
    findings.extend(trial.map(|trial| trial.check(&here)).unwrap_or_default());
    Ok(findings)
}
