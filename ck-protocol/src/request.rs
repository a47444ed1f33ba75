//! What may be asked of the broker.

use crate::{Class, Gid, HostName, Kind, SessionId, ShortName, TeardownId, Token, Uid, UserName};
use serde::{Deserialize, Serialize};

/// A request on `session.sock`, where every peer is root. Variants are only ever added at the
/// end: their order is the wire format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRequest {
    /// Open a session whose leader is the peer. Answered with [`Reply::Opened`](crate::Reply).
    Open(Box<Open>),
    /// Close a session. Answered with [`Reply::Closed`](crate::Reply), also when it has ended.
    Close(SessionRef),
}

/// A session, by what its PAM module knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionRef {
    /// By the id that the broker gave.
    Id(SessionId),
    /// By the token of the request, where no reply came.
    Token(Token),
}

/// The facts of a login, as the PAM module gathered them from its host. The leader is not among
/// them: it is the peer of the connection, and the kernel names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// Names this login, so that asking twice opens one session.
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
    pub kind: Option<Kind>,
    /// `PAM_TTY`, as it came.
    pub tty: Option<ShortName>,
    /// `PAM_RHOST`, as it came.
    pub remote_host: Option<HostName>,
    /// `PAM_RUSER`, as it came.
    pub remote_user: Option<UserName>,
    /// `PAM_XDISPLAY`, as it came.
    pub display: Option<ShortName>,
    /// Whether a runtime directory is wanted: false by the option `runtime_dir=no`.
    pub runtime_dir: bool,
}

/// A request on `admin.sock`, open to every local user. Variants are only ever added at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdminRequest {
    /// All sessions, by id: a [`Reply::Session`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    List,
    /// One session.
    Show(SessionId),
    /// How the broker itself is, for an older `ckctl`: [`AdminRequest::Facts`] says more.
    Status,
    /// All teardowns that are not finished, by id: a [`Reply::Teardown`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    Teardowns,
    /// Try the teardowns that were given up again: this one, or all. Answered with
    /// [`Reply::Retrying`](crate::Reply).
    RetryTeardowns(Option<TeardownId>),
    /// Everything that there is, then every change: a [`Reply::Session`](crate::Reply) and a
    /// [`Reply::Seat`](crate::Reply) each, [`Reply::Synced`](crate::Reply), then
    /// [`Reply::Change`](crate::Reply)s until the peer hangs up.
    Subscribe,
    /// All users who are here, by uid: a [`Reply::User`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    Users,
    /// All seats: a [`Reply::Seat`](crate::Reply) each, then [`Reply::End`](crate::Reply).
    Seats,
    /// End sessions, by their leaders. Answered with [`Reply::Done`](crate::Reply).
    Terminate(Target),
    /// Tell the owner's programs to lock the session. Answered with [`Reply::Done`](crate::Reply).
    Lock(SessionId),
    /// Tell them to unlock it.
    Unlock(SessionId),
    /// Bring a session to the foreground of its seat. Answered with [`Reply::Done`](crate::Reply).
    Activate(SessionId),
    /// Who keeps a runtime directory without a session.
    Linger(Linger),
    /// As [`AdminRequest::Teardowns`], with all that is known of each: a [`Reply::TeardownDetail`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    TeardownDetails,
    /// What somebody should look at, beside what [`AdminRequest::Status`] counts: a [`Reply::Problem`](crate::Reply) each, then
    /// [`Reply::End`](crate::Reply).
    Problems,
    /// How the broker itself is: a [`Reply::Fact`](crate::Reply) for each thing that it says of itself, then
    /// [`Reply::End`](crate::Reply).
    Facts,
}

/// What is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// One session.
    Session(SessionId),
    /// All sessions of a user.
    User(Uid),
}

/// What is asked about lingering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Linger {
    /// Who lingers: a [`Reply::User`](crate::Reply) each, then [`Reply::End`](crate::Reply).
    List,
    /// From now on this user does. Answered with [`Reply::Done`](crate::Reply).
    On {
        /// The user.
        uid: Uid,
        /// The user's primary group.
        gid: Gid,
        /// The user's name.
        user: UserName,
    },
    /// From now on this user does not.
    Off(Uid),
}
