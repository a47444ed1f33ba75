//! The requests to the broker.

use crate::{Class, Gid, HostName, SessionId, SessionType, ShortName, TeardownId, Token, Uid, UserName};
use serde::{Deserialize, Serialize};

/// A request on `session.sock`, where every peer is root. Variants are added only at the end, because their order is
/// the wire format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRequest {
    /// Open a session whose leader is the peer. Answered with [`Reply::Opened`](crate::Reply).
    Open(Box<Open>),
    /// Close a session. Answered with [`Reply::Closed`](crate::Reply), even if the session has ended before.
    Close(SessionRef),
}

/// A reference to a session by its PAM module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRef {
    /// By the id from the reply.
    Id(SessionId),
    /// By the token of the request, if no reply was received.
    Token(Token),
}

/// The facts of a login, which the PAM module has gathered from its host. The leader is not among them: it is the peer
/// of the connection, which the kernel names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Identifies the login, so that a repeated request opens only one session.
    pub token: Token,
    /// The target user.
    pub uid: Uid,
    /// The target user's primary group.
    pub gid: Gid,
    /// The target user's name, as the account has it: `PAM_USER` can be another spelling of it.
    pub user: UserName,
    /// `PAM_SERVICE`.
    pub service: ShortName,
    /// The option `class=`, if it was given.
    pub class: Option<Class>,
    /// The option `type=`, if it was given.
    pub session_type: Option<SessionType>,
    /// `PAM_TTY`, as it came.
    pub tty: Option<ShortName>,
    /// `PAM_RHOST`, as it came.
    pub remote_host: Option<HostName>,
    /// `PAM_RUSER`, as it came.
    pub remote_user: Option<UserName>,
    /// `PAM_XDISPLAY`, as it came.
    pub display: Option<ShortName>,
    /// True if a runtime directory is requested. The option `runtime_dir=no` sets it to false.
    pub runtime_dir: bool,
}

/// A request on `admin.sock`, which is open to every local user. Variants are added only at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminRequest {
    /// All sessions, by id: a [`Reply::Session`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    List,
    /// One session.
    Show(SessionId),
    /// The state of the broker, for an older `ckctl`. [`AdminRequest::Facts`] returns more.
    Status,
    /// All teardowns that are not finished, by id: a [`Reply::Teardown`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    Teardowns,
    /// Retry teardowns that were given up: this one, or all. Answered with [`Reply::Retrying`](crate::Reply).
    RetryTeardowns(Option<TeardownId>),
    /// A snapshot, then every change: a [`Reply::Session`](crate::Reply) and a [`Reply::Seat`](crate::Reply) each,
    /// [`Reply::Synced`](crate::Reply), then [`Reply::Change`](crate::Reply)s until the peer closes the connection.
    Subscribe,
    /// All users who are logged in or linger, by uid: a [`Reply::User`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    Users,
    /// All seats: a [`Reply::Seat`](crate::Reply) each, then [`Reply::End`](crate::Reply).
    Seats,
    /// End sessions, by their leaders. Answered with [`Reply::Done`](crate::Reply).
    Terminate(Target),
    /// Request the owner's programs to lock the session. Answered with [`Reply::Told`](crate::Reply).
    Lock(SessionId),
    /// Request the owner's programs to unlock the session. Answered with [`Reply::Told`](crate::Reply).
    Unlock(SessionId),
    /// Bring a session to the foreground of its seat. Answered with [`Reply::Done`](crate::Reply).
    Activate(SessionId),
    /// List or change which users linger.
    Linger(Linger),
    /// As [`AdminRequest::Teardowns`], with all details: a [`Reply::TeardownDetail`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    TeardownDetails,
    /// Problems for the administrator, besides those that [`AdminRequest::Status`] counts: a
    /// [`Reply::Problem`](crate::Reply) each, then [`Reply::End`](crate::Reply).
    Problems,
    /// Facts about the broker: a [`Reply::Fact`](crate::Reply) each, then [`Reply::End`](crate::Reply).
    Facts,
}

/// The sessions that [`AdminRequest::Terminate`] ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// One session.
    Session(SessionId),
    /// All sessions of a user.
    User(Uid),
}

/// A request about lingering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Linger {
    /// All lingering users: a [`Reply::User`](crate::Reply) each, then [`Reply::End`](crate::Reply).
    List,
    /// Let this user linger. Answered with [`Reply::Done`](crate::Reply).
    On {
        /// The user.
        uid: Uid,
        /// The user's primary group.
        gid: Gid,
        /// The user's name.
        user: UserName,
    },
    /// Stop the lingering of this user. Answered with [`Reply::Done`](crate::Reply).
    Off(Uid),
}
