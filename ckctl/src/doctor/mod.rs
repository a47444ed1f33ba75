//! `ckctl doctor`: looks at all that a login needs, as a person would by docs/TROUBLESHOOTING.md, and says what to do.
//!
//! - [`report`]: the result of each check, and the form of all of them
//! - `services`: the module in PAM's stacks; `pam_file` and `pam_stack` read them
//! - `module`: the file of the module; `of_module`: code that it shares with ckctl
//! - `sshd`, `broker`, `configuration`, `places`, `manager`: one subject each
//! - `login`: a login on trial; `trial` is the process that makes it, by way of `libpam`
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

/// The checks, and what each looks at.
pub const CHECKS: [(&str, &str); 21] = [
    ("pam", "Whether PAM is configured by files for each service."),
    (
        "pam-sshd",
        "Whether the session lines of sshd name pam_ck.so in the right place, whether another line can skip it, and its options.",
    ),
    ("pam-login", "The same for login."),
    ("pam-su-l", "The same for su -l."),
    ("pam-others", "Which other services have sessions. Most need none."),
    ("module", "Whether pam_ck.so is where libpam looks, whether only root can change it, and its release."),
    ("sshd", "Whether sshd uses PAM, by sshd -T."),
    ("configuration", "Whether /etc/ck/broker.toml is right, by ck-broker --check-config."),
    ("broker", "Whether the broker answers, and its release."),
    ("supervisor", "Whether the process that has started the broker would start it again."),
    ("status", "The problems that ckctl status shows."),
    ("places", "Skipped if no broker answers, instead of the next three."),
    ("state-directory", "Whether the directory of the sockets is a file system of its own, and its mode."),
    (
        "runtime-root",
        "The same for the directory of the runtime directories, which other mount namespaces must see.",
    ),
    ("sockets", "The owner and the mode of the sockets."),
    ("manager", "Whether another program, or a module beside pam_ck.so, makes the same directories."),
    ("login", "With --login: whether the login came to its end."),
    ("login-open", "Whether the modules let the user in."),
    ("login-environment", "The variables that name the session."),
    ("login-directory", "The runtime directory, its owner and its mode."),
    ("login-session, login-close", "Whether the broker knew the session, and whether it is gone."),
];

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
