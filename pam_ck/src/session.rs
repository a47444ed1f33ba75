//! What a login and a logout do, whatever the host is.

use crate::{
    client::{Client, Failure},
    environment::{DirectoryError, check_directory, variables},
    facts::{FactsError, gather},
    options::Options,
    syslog::Level,
};
use ck_protocol::{Open, Opened, Refusal, Reply, SessionId, SessionRef, SessionRequest, Token};
use rustix::{
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};
use std::{ffi::CStr, time::Duration};

/// How long a logout waits for the broker: it sees the leader end anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The variable by which it is seen that another session manager has a session for this login too.
const ID: &CStr = c"XDG_SESSION_ID";

/// What the program that the module runs in provides.
pub(crate) trait Host {
    /// An item as the host set it; `None` where it set none.
    fn item(&self, item: Item) -> Option<&[u8]>;
    /// What was last remembered on this login's handle.
    fn recall(&self) -> Option<Remembered>;
    /// Keeps `session` on this login's handle, in place of what was there.
    fn remember(&mut self, session: Option<Remembered>) -> Result<(), HostError>;
    /// A variable of the environment that the login will have, as modules have put it there up to now.
    fn env(&self, name: &CStr) -> Option<&[u8]>;
    /// Puts a variable into that environment.
    fn put_env(&mut self, name: &str, value: &str) -> Result<(), HostError>;
    /// Takes a variable out of it.
    fn take_env(&mut self, name: &CStr) -> Result<(), HostError>;
    /// Writes one line to the log.
    fn log(&self, level: Level, message: &str);
}

/// The PAM items that are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `PAM_USER`
    User,
    /// `PAM_SERVICE`
    Service,
    /// `PAM_TTY`
    Tty,
    /// `PAM_RHOST`
    RemoteHost,
    /// `PAM_RUSER`
    RemoteUser,
    /// `PAM_XDISPLAY`
    Display,
}

/// A session that was asked for, and that the broker may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// How it was asked for.
    pub(crate) token: Token,
    /// Its id; `None` where no reply came.
    pub(crate) id: Option<SessionId>,
}

/// A call into the host that failed, by its PAM return code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PAM error {0}, see _pam_types.h")]
pub(crate) struct HostError(pub(crate) i32);

/// What the host gets to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// `PAM_SUCCESS`
    Success,
    /// `PAM_SESSION_ERR`
    SessionError,
}

impl Status {
    /// A failure is one for the host only where the administrator says so.
    pub(crate) fn of_failure(options: &Options) -> Self {
        if options.strict { Self::SessionError } else { Self::Success }
    }
}

/// Why there is no session, or why it is still there.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error("cannot make a random token: {0}")]
    Token(Errno),
    #[error("cannot keep data on the PAM handle: {0}")]
    Remember(HostError),
    #[error(transparent)]
    NoAnswer(#[from] Failure),
    #[error("the session broker refused: {}", .0.message.as_str())]
    Refused(Refusal),
    #[error("the session broker answered another question: install one release of all parts")]
    OtherReply,
}

/// A session that is open, but of which the login cannot know everything.
#[derive(Debug, thiserror::Error)]
enum EnvironmentError {
    #[error("cannot set {name}: {source}")]
    Put { name: &'static str, source: HostError },
    #[error("XDG_RUNTIME_DIR is not set: {0}")]
    Directory(#[from] DirectoryError),
}

/// A login: opens a session, unless this handle has one, and sets the environment.
pub(crate) fn open<H: Host>(host: &mut H, options: &Options) -> Status {
    options.ignored.iter().for_each(|error| host.log(Level::Warning, &error.to_string()));
    // su-l includes su: a stack can name the module twice.
    match host.recall() {
        Some(Remembered { id: Some(_), .. }) => return Status::Success,
        Some(Remembered { id: None, .. }) => return Status::of_failure(options),
        None => {}
    }
    match try_open(host, options) {
        Ok(line) if options.debug => host.log(Level::Info, &line),
        Ok(_) => {}
        Err(error) => {
            let outcome = if options.strict {
                "no login, by the option strict"
            } else {
                "logging in without a session"
            };
            host.log(Level::Error, &format!("{error}; {outcome}"));
            return Status::of_failure(options);
        }
    }
    Status::Success
}

/// A logout: closes the session of this handle, if it has one.
pub(crate) fn close<H: Host>(host: &mut H, options: &Options) -> Status {
    let Some(session) = host.recall() else { return Status::Success };
    match try_close(host, options, session) {
        Ok(()) if options.debug => host.log(Level::Info, "session closed"),
        Ok(()) => {}
        Err(error) => {
            // Of a session that was never confirmed, the login has said what is wrong: one line each.
            if session.id.is_some() {
                host.log(Level::Error, &format!("{error}; the session ends with this process"));
            }
            return Status::of_failure(options);
        }
    }
    Status::Success
}

fn try_open<H: Host>(host: &mut H, options: &Options) -> Result<String, SessionError> {
    let mut random = [0; 16];
    // Early in boot an entropy pool that is not ready would block.
    getrandom(&mut random, GetRandomFlags::NONBLOCK).map_err(SessionError::Token)?;
    let token = Token::new(random);
    let facts = gather(host, options, token)?;
    // Before asking: a session that could not be remembered could not be closed.
    host.remember(Some(Remembered { token, id: None })).map_err(SessionError::Remember)?;
    let opened = match ask_to_open(&facts, options) {
        Ok(opened) => opened,
        Err(error) => {
            if !matches!(&error, SessionError::NoAnswer(failure) if failure.may_be_done) {
                host.remember(None).map_err(SessionError::Remember)?;
            }
            return Err(error);
        }
    };
    #[cfg(feature = "fault")]
    crate::fault::strike(options, crate::fault::OPENED);
    host.remember(Some(Remembered { token, id: Some(opened.id) })).map_err(SessionError::Remember)?;
    if let Err(error) = set_environment(host, &facts, &opened) {
        host.log(Level::Warning, &error.to_string());
    }
    Ok(format!("session {} opened for {}", opened.id, facts.user.as_str()))
}

fn ask_to_open(facts: &Open, options: &Options) -> Result<Opened, SessionError> {
    let request = SessionRequest::Open(Box::new(facts.clone()));
    match Client::new(&options.socket, options.timeout).ask(&request)? {
        Reply::Opened(opened) => Ok(opened),
        Reply::Refused(refusal) => Err(SessionError::Refused(refusal)),
        _ => Err(SessionError::OtherReply),
    }
}

fn set_environment(host: &mut impl Host, facts: &Open, opened: &Opened) -> Result<(), EnvironmentError> {
    // logind and elogind know their sessions by these, and so do the programs that ask them: theirs stay.
    let elsewhere = host.env(ID).is_some();
    let mut put = |name, value: &str| {
        host.put_env(name, value).map_err(|source| EnvironmentError::Put { name, source })
    };
    for (name, value) in variables(opened).filter(|_| !elsewhere) {
        put(name, &value)?;
    }
    if let Some(path) = &opened.runtime_dir {
        check_directory(path.as_str(), facts.uid)?;
        put("XDG_RUNTIME_DIR", path.as_str())?;
    }
    Ok(())
}

fn try_close(host: &mut impl Host, options: &Options, session: Remembered) -> Result<(), SessionError> {
    // First: whatever comes of it, the handle is free for another session.
    host.remember(None).map_err(SessionError::Remember)?;
    take_back(host, session);
    let client = Client::new(&options.socket, options.timeout.min(CLOSE_TIMEOUT));
    // Not by the id: that may be of the session that this login was only a part of.
    match client.ask(&SessionRequest::Close(SessionRef::Token(session.token)))? {
        Reply::Closed => Ok(()),
        Reply::Refused(refusal) => Err(SessionError::Refused(refusal)),
        _ => Err(SessionError::OtherReply),
    }
}

/// Takes the id out of the environment, if it is ours: the next session on this handle would take it for another
/// manager's.
fn take_back(host: &mut impl Host, session: Remembered) {
    let ours = session.id.map(|id| id.to_string());
    if ours.is_some_and(|id| host.env(ID) == Some(id.as_bytes())) {
        if let Err(error) = host.take_env(ID) {
            host.log(Level::Warning, &format!("cannot take XDG_SESSION_ID back: {error}"));
        }
    }
}

#[cfg(test)]
pub(crate) mod fake;
