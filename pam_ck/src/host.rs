//! What the program that the module runs in provides, and what it gets back.

use crate::{options::Options, syslog::Level};
use ck_protocol::{SessionId, Token};
use nix::errno::Errno;
use std::ffi::CStr;

/// The host: the program that the module runs in, such as sshd, through libpam.
pub(crate) trait Host {
    /// The value of an item; `None` if the host has not set it.
    fn item(&self, item: Item) -> Option<&[u8]>;
    /// The account that the name service finds by `name`; `None` if it finds none.
    fn account(&self, name: &[u8]) -> Result<Option<Account>, Errno>;
    /// The session that was last stored on the handle of this login.
    fn recall(&self) -> Option<Remembered>;
    /// Stores `session` on the handle of this login. It replaces what was stored before.
    fn remember(&mut self, session: Option<Remembered>) -> Result<(), HostError>;
    /// A variable of the environment that the login will have, as modules have set it so far.
    fn env(&self, name: &CStr) -> Option<&[u8]>;
    /// Sets a variable in that environment.
    fn put_env(&mut self, name: &str, value: &str) -> Result<(), HostError>;
    /// Removes a variable from that environment.
    fn remove_env(&mut self, name: &CStr) -> Result<(), HostError>;
    /// Writes one line to the log.
    fn log(&self, level: Level, message: &str);
}

/// The PAM items that the module reads.
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

/// An account, as the name service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// The name, which can differ from the one that it was found by: directory services ignore case, and add domains.
    pub(crate) name: Vec<u8>,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A session that the module has requested, and that the broker may have opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    /// The token of the request.
    pub(crate) token: Token,
    /// The id of the session; `None` if there was no reply.
    pub(crate) id: Option<SessionId>,
}

/// A call into the host that failed, with its PAM return code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("PAM error {0}, see _pam_types.h")]
pub(crate) struct HostError(pub(crate) i32);

/// The result that the host gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// `PAM_SUCCESS`
    Success,
    /// `PAM_SESSION_ERR`
    SessionError,
}

impl Status {
    /// The result of a failure. The host gets an error only with the option `strict`.
    pub(crate) fn of_failure(options: &Options) -> Self {
        if options.strict { Self::SessionError } else { Self::Success }
    }
}
