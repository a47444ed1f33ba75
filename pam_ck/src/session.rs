//! What the module does at a login and at a logout, for any host.

use crate::{
    bus,
    client::{Client, Failure},
    environment::{DirectoryError, check_directory, variables},
    facts::{FactsError, gather},
    host::{Host, HostError, Remembered, Status},
    options::Options,
    release,
    syslog::Level,
};
use ck_protocol::{Open, Opened, Refusal, Reply, SessionRef, SessionRequest, Token};
use rustix::{
    io::Errno,
    process::geteuid,
    rand::{GetRandomFlags, getrandom},
};
use std::{ffi::CStr, time::Duration};

/// How long a logout waits for the broker at most. The broker notices the end of the leader anyway.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The variable that names the session. If it is set before, another session manager has a session for this login too.
const SESSION_ID: &CStr = c"XDG_SESSION_ID";
/// The variable that names the user's message bus.
const BUS_ADDRESS: &CStr = c"DBUS_SESSION_BUS_ADDRESS";

/// Why there is no session, or why it is not closed.
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
    #[error(
        "the reply of the session broker does not match the request: install the same release of all parts"
    )]
    OtherReply,
}

/// Why the environment of an open session is incomplete.
#[derive(Debug, thiserror::Error)]
enum EnvironmentError {
    #[error("cannot set {name}: {source}")]
    Put { name: &'static str, source: HostError },
    #[error("XDG_RUNTIME_DIR is not set: {0}")]
    Directory(#[from] DirectoryError),
}

/// Opens a session at a login, unless this handle has one, and sets the environment.
pub(crate) fn open<H: Host>(host: &mut H, options: &Options) -> Status {
    release::keep();
    options.ignored.iter().for_each(|error| host.log(Level::Warning, &error.to_string()));
    // The service su-l includes su, so a stack can name the module twice.
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

/// Closes the session of this handle at a logout, if it has one.
pub(crate) fn close<H: Host>(host: &mut H, options: &Options) -> Status {
    let Some(session) = host.recall() else { return Status::Success };
    match try_close(host, options, session) {
        Ok(()) if options.debug => host.log(Level::Info, "session closed"),
        Ok(()) => {}
        // Some hosts, such as ftp daemons, have become the user before they close. Only root can ask the broker, and it does not need to
        // be asked.
        Err(_) if !geteuid().is_root() => {
            if options.debug {
                host.log(
                    Level::Info,
                    "not closed, as this process is no longer root: the session ends with it",
                );
            }
        }
        Err(error) => {
            // If the session was never confirmed, the login has already logged the reason.
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
    // Early in boot, an entropy pool that is not ready would block.
    getrandom(&mut random, GetRandomFlags::NONBLOCK).map_err(SessionError::Token)?;
    let token = Token::new(random);
    let facts = gather(host, options, token)?;
    // This comes before the request: a session that is not remembered could not be closed.
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
    crate::fault::panic_at(crate::fault::OPENED, options);
    host.remember(Some(Remembered { token, id: Some(opened.id) })).map_err(SessionError::Remember)?;
    if let Err(error) = set_environment(host, &facts, &opened) {
        host.log(Level::Warning, &error.to_string());
    }
    Ok(format!("session {} opened for {}", opened.id, facts.user.to_text()))
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
    // logind and elogind, and programs that ask them, identify their sessions by these variables. So theirs stay.
    let other_manager = host.env(SESSION_ID).is_some();
    let other_bus = host.env(BUS_ADDRESS).is_some();
    let mut put = |name, value: &str| {
        host.put_env(name, value).map_err(|source| EnvironmentError::Put { name, source })
    };
    for (name, value) in variables(opened).filter(|_| !other_manager) {
        put(name, &value)?;
    }
    if let Some(path) = &opened.runtime_dir {
        let directory = check_directory(path.as_str(), facts.uid)?;
        put("XDG_RUNTIME_DIR", path.as_str())?;
        // Where the directory cannot be searched without waiting for whoever holds it, it is not searched.
        let directory = directory.filter(|_| !other_bus);
        if let Some(address) = directory.and_then(|handle| bus::address(&handle, path.as_str(), facts.uid)) {
            put("DBUS_SESSION_BUS_ADDRESS", &address)?;
        }
    }
    Ok(())
}

fn try_close(host: &mut impl Host, options: &Options, session: Remembered) -> Result<(), SessionError> {
    // This comes first, so that the handle is free for another session in any case.
    host.remember(None).map_err(SessionError::Remember)?;
    remove_session_id(host, session);
    let client = Client::new(&options.socket, options.timeout.min(CLOSE_TIMEOUT));
    // The token is used, and not the id: if this login was part of another session, the id is that of the other
    // session.
    match client.ask(&SessionRequest::Close(SessionRef::Token(session.token)))? {
        Reply::Closed => Ok(()),
        Reply::Refused(refusal) => Err(SessionError::Refused(refusal)),
        _ => Err(SessionError::OtherReply),
    }
}

/// Removes the id from the environment, if it is ours. Otherwise the next session on this handle would take it for
/// the id of another manager.
fn remove_session_id(host: &mut impl Host, session: Remembered) {
    let ours = session.id.map(|id| id.to_string());
    if ours.is_some_and(|id| host.env(SESSION_ID) == Some(id.as_bytes())) {
        if let Err(error) = host.remove_env(SESSION_ID) {
            host.log(Level::Warning, &format!("cannot remove XDG_SESSION_ID: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_host::FakeHost;
    use ck_protocol::{Class, SessionId, SessionType};

    /// Options with a socket path at which no broker listens.
    fn no_broker() -> Options {
        Options { socket: "/nonexistent/session.sock".into(), ..Options::default() }
    }

    #[test]
    fn no_session_is_requested_that_could_not_be_remembered() {
        let mut host = FakeHost::of("root").broken();
        assert_eq!(open(&mut host, &no_broker()), Status::Success);
        let line =
            "cannot keep data on the PAM handle: PAM error 5, see _pam_types.h; logging in without a session";
        assert_eq!(*host.lines.borrow(), [(Level::Error, line.to_owned())]);
    }

    #[test]
    fn a_session_that_was_certainly_not_opened_is_not_remembered() {
        let mut host = FakeHost::of("root");
        assert_eq!(open(&mut host, &no_broker()), Status::Success);
        assert_eq!((host.session, host.lines.borrow().len()), (None, 1));
        assert_eq!(close(&mut host, &no_broker()), Status::Success);
        assert_eq!(host.lines.borrow().len(), 1);
    }

    #[test]
    fn strict_decides_what_the_host_gets_after_a_failure() {
        let strict = Options { strict: true, ..no_broker() };
        let mut host = FakeHost::of("root");
        assert_eq!(open(&mut host, &strict), Status::SessionError);
        // If there was no reply the first time, a second open on the handle does not wait again.
        host.session = Some(Remembered { token: Token::new([1; 16]), id: None });
        assert_eq!(open(&mut host, &strict), Status::SessionError);
        assert_eq!(open(&mut host, &no_broker()), Status::Success);
        assert_eq!(host.lines.borrow().len(), 1);
    }

    #[test]
    fn an_environment_that_cannot_be_set_is_a_warning() {
        let mut host = FakeHost::of("root").broken();
        let facts = gather(&host, &no_broker(), Token::new([1; 16])).unwrap();
        let (class, session_type) = (Class::User, SessionType::Tty);
        let opened =
            Opened { id: SessionId::new(7), class, session_type, seat: None, vt: None, runtime_dir: None };
        let error = set_environment(&mut host, &facts, &opened).unwrap_err();
        assert_eq!(error.to_string(), "cannot set XDG_SESSION_ID: PAM error 5, see _pam_types.h");
        host.broken = false;
        set_environment(&mut host, &facts, &opened).unwrap();
        assert_eq!(host.env["XDG_SESSION_ID"], "7");
    }
}
