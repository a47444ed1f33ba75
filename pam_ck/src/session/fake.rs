//! A host that is no PAM host, and what sessions do where libpam fails.

use super::*;
use std::{cell::RefCell, collections::HashMap};

/// Holds items, and takes note of what it is told.
#[derive(Default)]
pub(crate) struct FakeHost {
    items: Vec<(Item, Vec<u8>)>,
    env: HashMap<String, String>,
    lines: RefCell<Vec<(Level, String)>>,
    session: Option<Remembered>,
    broken: bool,
}

impl FakeHost {
    /// A host that logs `user` in.
    pub(crate) fn of(user: &str) -> Self {
        Self::default().with(Item::User, user.as_bytes())
    }

    /// The same, with one item more.
    pub(crate) fn with(mut self, item: Item, value: &[u8]) -> Self {
        self.items.push((item, value.to_vec()));
        self
    }
}

impl Host for FakeHost {
    fn item(&self, item: Item) -> Option<&[u8]> {
        self.items.iter().find(|(which, _)| *which == item).map(|(_, value)| value.as_slice())
    }

    fn recall(&self) -> Option<Remembered> {
        self.session
    }

    fn remember(&mut self, session: Option<Remembered>) -> Result<(), HostError> {
        if self.broken {
            return Err(HostError(5));
        }
        self.session = session;
        Ok(())
    }

    fn env(&self, name: &CStr) -> Option<&[u8]> {
        self.env.get(name.to_str().ok()?).map(|value| value.as_bytes())
    }

    fn put_env(&mut self, name: &str, value: &str) -> Result<(), HostError> {
        if self.broken {
            return Err(HostError(5));
        }
        self.env.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    fn take_env(&mut self, name: &CStr) -> Result<(), HostError> {
        self.env.remove(name.to_str().unwrap());
        Ok(())
    }

    fn log(&self, level: Level, message: &str) {
        self.lines.borrow_mut().push((level, message.to_owned()));
    }
}

/// Options that name a socket where nobody listens.
fn nobody() -> Options {
    Options { socket: "/nonexistent/session.sock".into(), ..Options::default() }
}

#[test]
fn nothing_is_asked_for_that_could_not_be_remembered() {
    let mut host = FakeHost { broken: true, ..FakeHost::of("root") };
    assert_eq!(open(&mut host, &nobody()), Status::Success);
    let line =
        "cannot keep data on the PAM handle: PAM error 5, see _pam_types.h; logging in without a session";
    assert_eq!(*host.lines.borrow(), [(Level::Error, line.to_owned())]);
}

#[test]
fn a_session_that_certainly_is_not_is_not_remembered() {
    let mut host = FakeHost::of("root");
    assert_eq!(open(&mut host, &nobody()), Status::Success);
    assert_eq!((host.session, host.lines.borrow().len()), (None, 1));
    assert_eq!(close(&mut host, &nobody()), Status::Success);
    assert_eq!(host.lines.borrow().len(), 1);
}

#[test]
fn strict_decides_what_a_failure_is_to_the_host() {
    let strict = Options { strict: true, ..nobody() };
    let mut host = FakeHost::of("root");
    assert_eq!(open(&mut host, &strict), Status::SessionError);
    // Where no answer came the first time, a second open on the handle does not wait again.
    host.session = Some(Remembered { token: Token::new([1; 16]), id: None });
    assert_eq!(open(&mut host, &strict), Status::SessionError);
    assert_eq!(open(&mut host, &nobody()), Status::Success);
    assert_eq!(host.lines.borrow().len(), 1);
}

#[test]
fn an_environment_that_cannot_be_set_is_a_warning() {
    let mut host = FakeHost { broken: true, ..FakeHost::of("root") };
    let facts = gather(&host, &nobody(), Token::new([1; 16])).unwrap();
    let (class, kind) = (ck_protocol::Class::User, ck_protocol::Kind::Tty);
    let opened = Opened { id: SessionId::new(7), class, kind, seat: None, vt: None, runtime_dir: None };
    let error = set_environment(&mut host, &facts, &opened).unwrap_err();
    assert_eq!(error.to_string(), "cannot set XDG_SESSION_ID: PAM error 5, see _pam_types.h");
    host.broken = false;
    set_environment(&mut host, &facts, &opened).unwrap();
    assert_eq!(host.env["XDG_SESSION_ID"], "7");
}
