//! The process that logs in on trial: what a service does at a login and at a logout, by libpam, without authentication. It tells
//! each step on standard output, so that the one who waits knows where it hangs.

use super::{Login, report::Finding};
use crate::{
    account::{self, Account},
    client::{Client, ClientError},
    libpam::{Item, Pam, PamError},
};
use ck_protocol::{Session, printable, printable_bytes};
use rustix::{io::fcntl_dupfd_cloexec, process::getpid, stdio};
use serde::{Deserialize, Serialize};
use std::{
    ffi::{CString, NulError},
    fs::{self, File},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How long the broker may take to end a session whose close it has answered.
const GONE_WITHIN: Duration = Duration::from_secs(3);
/// The pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);
const LOG: &str = "read the lines of pam_ck and of other modules in the log of authentication";

/// What this process tells, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// What is done next.
    Doing(String),
    /// What was found.
    Found(Finding),
}

/// Why the login could not be tried to its end.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The standard descriptors could not be arranged.
    #[error("cannot arrange its output: {0}")]
    Output(rustix::io::Errno),
    /// The report could not be written.
    #[error("cannot write its report: {0}")]
    Tell(#[from] io::Error),
    /// A name has a NUL in it.
    #[error(transparent)]
    Name(#[from] NulError),
    /// There is no such user.
    #[error(transparent)]
    Account(#[from] account::AccountError),
}

/// Logs in and out, in this process.
///
/// # Errors
/// [`TrialError`]. What is wrong with the login is no error, but in the report.
pub fn run(socket: &Path, login: &Login) -> Result<(), TrialError> {
    let account = account::find(&login.user)?;
    let mut trial = Trial { report: report()?, account, socket };
    let (service, user) =
        (CString::new(login.service.as_str())?, CString::new(trial.account.name.as_bytes())?);
    trial.doing("pam_start")?;
    let started = Pam::start(&service, &user).and_then(|mut pam| {
        if login.service == "sshd" {
            // As sshd does: it has no terminal yet.
            pam.set(Item::Tty, c"ssh")?;
            pam.set(Item::RemoteHost, c"localhost")?;
        }
        Ok(pam)
    });
    match started {
        Ok(pam) => trial.log_in(pam, &login.service),
        Err(error) => trial.failed(&error),
    }
}

/// Standard output is for the report. What modules print goes to standard error.
fn report() -> Result<File, TrialError> {
    let report = fcntl_dupfd_cloexec(stdio::stdout(), 3).map_err(TrialError::Output)?;
    stdio::dup2_stdout(stdio::stderr()).map_err(TrialError::Output)?;
    Ok(report.into())
}

struct Trial<'s> {
    report: File,
    account: Account,
    socket: &'s Path,
}

impl Trial<'_> {
    fn tell(&mut self, told: &Told) -> Result<(), TrialError> {
        let mut line = serde_json::to_string(told).map_err(io::Error::from)?;
        line.push('\n');
        Ok(self.report.write_all(line.as_bytes())?)
    }

    fn doing(&mut self, what: &str) -> Result<(), TrialError> {
        self.tell(&Told::Doing(what.to_owned()))
    }

    fn found(&mut self, finding: Finding) -> Result<(), TrialError> {
        self.tell(&Told::Found(finding))
    }

    fn failed(&mut self, error: &PamError) -> Result<(), TrialError> {
        self.found(Finding::problem("login-open", error.to_string(), LOG))
    }

    fn log_in(&mut self, mut pam: Pam, service: &str) -> Result<(), TrialError> {
        self.doing("pam_open_session")?;
        if let Err(error) = pam.open_session() {
            return self.failed(&error);
        }
        let user = account::shown(&self.account.name);
        self.found(Finding::ok("login-open", format!("the session lines of {service} let {user} in")))?;
        self.doing("the look at the session")?;
        let environment = Environment::of(&pam);
        self.found(environment.check())?;
        let directory = self.directory(&environment);
        self.found(directory)?;
        let session = self.session(&environment);
        self.found(session)?;
        self.doing("pam_close_session")?;
        let closed = pam.close_session();
        let closed = closed
            .map_or_else(|error| Finding::problem("login-close", error.to_string(), LOG), |()| self.gone());
        self.found(closed)?;
        self.doing("pam_end")?;
        drop(pam);
        Ok(())
    }

    /// Checks the runtime directory that the environment names.
    fn directory(&self, environment: &Environment) -> Finding {
        const CHECK: &str = "login-directory";
        let uid = self.account.uid;
        let Some(path) = environment.get("XDG_RUNTIME_DIR") else { return self.no_directory() };
        let shown = printable(&path).to_string();
        match fs::symlink_metadata(&path) {
            Err(error) => Finding::problem(CHECK, format!("XDG_RUNTIME_DIR is {shown}: {error}"), LOG),
            Ok(found) if !found.is_dir() || found.uid() != uid || found.mode() & 0o7777 != 0o700 => {
                Finding::problem(
                    CHECK,
                    format!("{shown} is not a directory of mode 0700 that uid {uid} owns"),
                    format!("remove {shown} when the user has logged out, and log in again"),
                )
            }
            Ok(_) => Finding::ok(CHECK, format!("{shown} belongs to the user alone")),
        }
    }

    fn no_directory(&self) -> Finding {
        const CHECK: &str = "login-directory";
        if self.account.uid == 0 {
            return Finding::ok(CHECK, "root has none");
        }
        let about = format!("uid {} ", self.account.uid);
        let problems =
            Client::connect(self.socket).and_then(|mut client| client.problems()).unwrap_or_default();
        match problems.iter().find(|problem| problem.as_str().contains(&about)) {
            Some(problem) => Finding::problem(CHECK, problem.as_str(), "remove the reason, and log in again"),
            None => Finding::warning(
                CHECK,
                "XDG_RUNTIME_DIR is not set, and the broker knows no reason",
                "look for kind = \"none\" in /etc/ck/broker.toml, and for runtime_dir=no in /etc/pam.d",
            ),
        }
    }

    /// The session of this process, or `None`.
    fn own(&self) -> Result<Option<Session>, ClientError> {
        let sessions = Client::connect(self.socket)?.list()?;
        let own = getpid().as_raw_nonzero().get();
        Ok(sessions.into_iter().find(|session| session.leader_pid.get() == own))
    }

    /// The session that the environment names, if this login is part of one that was there before.
    fn joined(&self, environment: &Environment) -> Option<Session> {
        let id = environment.get("XDG_SESSION_ID")?.parse().ok()?;
        let session = Client::connect(self.socket).and_then(|mut client| client.show(id)).ok()?;
        (session.uid.get() == self.account.uid).then_some(session)
    }

    fn session(&self, environment: &Environment) -> Finding {
        const CHECK: &str = "login-session";
        match self.own() {
            Ok(Some(session)) if session.uid.get() == self.account.uid => {
                Finding::ok(CHECK, format!("the broker has it as session {}", session.id))
            }
            Ok(Some(session)) => Finding::problem(
                CHECK,
                format!("the broker has it as a session of uid {}", session.uid.get()),
                "report this: the module and the broker do not agree",
            ),
            Ok(None) => match self.joined(environment) {
                Some(session) => {
                    Finding::ok(CHECK, format!("part of session {}, in which ckctl runs", session.id))
                }
                None => Finding::problem(CHECK, "the broker has no session of this login", LOG),
            },
            Err(error) => Finding::problem(CHECK, error.to_string(), "see the check `broker`"),
        }
    }

    fn gone(&self) -> Finding {
        const CHECK: &str = "login-close";
        let until = Instant::now() + GONE_WITHIN;
        loop {
            match self.own() {
                Ok(None) => return Finding::ok(CHECK, "the session is closed"),
                Ok(Some(_)) if Instant::now() < until => thread::sleep(PAUSE),
                Ok(Some(session)) => {
                    return Finding::problem(
                        CHECK,
                        format!("session {} stays after its end", session.id),
                        LOG,
                    );
                }
                Err(error) => return Finding::problem(CHECK, error.to_string(), "see the check `broker`"),
            }
        }
    }
}

/// What the modules have set for the user.
struct Environment(Vec<CString>);

impl Environment {
    fn of(pam: &Pam) -> Self {
        Self(pam.environment())
    }

    /// The value of a variable, if it is text.
    fn get(&self, name: &str) -> Option<String> {
        let mut entries = self.0.iter().filter_map(|entry| entry.to_str().ok()?.split_once('='));
        entries.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    }

    fn check(&self) -> Finding {
        const CHECK: &str = "login-environment";
        let is_ours = |entry: &&CString| entry.as_bytes().starts_with(b"XDG_");
        let shown: Vec<String> = self
            .0
            .iter()
            .filter(is_ours)
            .map(|entry| printable_bytes(entry.as_bytes()).to_string())
            .collect();
        if self.get("XDG_SESSION_ID").is_none() {
            return Finding::problem(CHECK, "XDG_SESSION_ID is not set: this login has no session", LOG);
        }
        Finding::ok(CHECK, shown.join(" "))
    }
}
