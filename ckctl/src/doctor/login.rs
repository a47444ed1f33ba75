//! A login on trial: whether a user would get what a login of a service should give. A process of its own makes it, because
//! modules change the process that calls them: its limits, keyring, audit id, namespaces.

use super::{Here, program, report::Finding, services, trial::Told};
use crate::account::{self, Account, AccountError};
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

/// This program.
const OWN_PROGRAM: &str = "/proc/self/exe";
/// The first word of the command line of the process that logs in. The socket, the user and the service follow. It is no option,
/// because nobody is to type it.
const ON_TRIAL: &str = "--on-trial";
/// How long all of it may take. Modules may ask a directory service.
const LIMIT: Duration = Duration::from_secs(20);

/// Who logs in, and by which service.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user: a name or a uid.
    pub user: OsString,
    /// The PAM service.
    pub service: String,
}

/// Why a login cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// Only root can open sessions.
    #[error("--login opens a session, which only root can do: run this as root, or without --login")]
    NotRoot,
    /// There is no such user.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The user has no entry in the user database.
    #[error("uid {0} has no name in the user database: give the name or uid of a user")]
    Nameless(u32),
    /// There is no such service.
    #[error("unknown service `{0}`: give the name of a file in /etc/pam.d, such as sshd")]
    Service(String),
}

/// A login that can be tried.
#[derive(Debug)]
pub(super) struct Trial {
    account: Account,
    service: String,
}

impl Login {
    /// The socket and the login, if this command line is that of the process that logs in.
    pub fn on_trial(words: impl Iterator<Item = OsString>) -> Option<(PathBuf, Self)> {
        let mut words = words.skip(1);
        words.next().filter(|word| word == ON_TRIAL)?;
        let (socket, user, service) = (words.next()?, words.next()?, words.next()?);
        Some((socket.into(), Self { user, service: service.into_string().ok()? }))
    }

    /// Checks what can be checked before.
    ///
    /// # Errors
    /// [`LoginError`]
    pub(super) fn prepared(&self, is_root: bool) -> Result<Trial, LoginError> {
        if !is_root {
            return Err(LoginError::NotRoot);
        }
        let account = account::find(&self.user)?;
        if account.gid.is_none() {
            return Err(LoginError::Nameless(account.uid));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let service = &self.service;
        if service.is_empty()
            || service.starts_with('.')
            || !service.chars().all(is_name)
            || !services::has(service)
        {
            return Err(LoginError::Service(ck_protocol::printable(service).to_string()));
        }
        Ok(Trial { account, service: service.clone() })
    }
}

impl Trial {
    /// Logs in and out.
    pub(super) fn check(&self, here: &Here<'_>) -> Vec<Finding> {
        let words: [&OsStr; 4] =
            [ON_TRIAL.as_ref(), here.socket.as_os_str(), &self.account.name, self.service.as_ref()];
        let again =
            format!("ckctl doctor --login {} --service {}", account::shown(&self.account.name), self.service);
        let ended = match program::run(Path::new(OWN_PROGRAM), &words, LIMIT) {
            Ok(ended) => ended,
            Err(error) => {
                return vec![Finding::problem("login", format!("cannot try a login: {error}"), again)];
            }
        };
        let (mut findings, mut doing) = (Vec::new(), "start".to_owned());
        for told in ended.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            match told {
                Told::Doing(what) => doing = what,
                Told::Found(finding) => findings.push(finding),
            }
        }
        let look = format!(
            "read the log of authentication; then try /etc/pam.d/{} without its modules, one by one",
            self.service
        );
        match ended.status {
            None => findings.push(Finding::problem(
                "login",
                format!(
                    "{doing} did not return within {} s: a module of {} hangs",
                    LIMIT.as_secs(),
                    self.service
                ),
                look,
            )),
            Some(status) if !status.success() => findings.push(Finding::problem(
                "login",
                format!("the login on trial ended in {doing} ({status}): {}", ended.complaint()),
                look,
            )),
            Some(_) => {}
        }
        findings
    }
}
