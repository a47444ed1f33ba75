//! The replies of the broker.

use crate::{
    Class, Event, Fact, Message, PathText, Seat, Session, SessionId, SessionType, ShortName, Status,
    Teardown, TeardownDetail, Text, Uid, User, UserName, Vt,
};
use serde::{Deserialize, Serialize};

/// A reply on either socket. Variants are added only at the end. A new variant is sent only in reply to a request that
/// was added with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The session is open.
    Opened(Opened),
    /// The session is closed, or was closed before.
    Closed,
    /// A session.
    Session(Box<Session>),
    /// The state of the broker, for an older `ckctl`.
    Status(Status),
    /// The end of a list.
    End,
    /// The request was not carried out.
    Refused(Refusal),
    /// A teardown.
    Teardown(Box<Teardown>),
    /// This number of teardowns is retried.
    Retrying(u64),
    /// A user.
    User(Box<User>),
    /// A seat.
    Seat(Box<Seat>),
    /// The request was carried out, or has begun. It concerned this number of sessions.
    Done(u64),
    /// To a subscriber: the snapshot is complete. The next change has this number.
    Synced(u64),
    /// To a subscriber: a change.
    Change(Box<Change>),
    /// To a subscriber that reads too slowly: this number of changes was dropped.
    Lost(u64),
    /// A teardown with all details.
    TeardownDetail(Box<TeardownDetail>),
    /// A problem for the administrator: one line with its effect and what to do.
    Problem(Message),
    /// A fact about the broker.
    Fact(Fact),
    /// The owner's programs were requested to lock or unlock the session.
    Told(Box<Told>),
}

/// The answer to a request to lock or unlock a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The owner of the session.
    pub uid: Uid,
    /// The name of the owner.
    pub user: UserName,
    /// How many subscribers with the owner's uid the request was passed on to. Those of root and of administrators do not
    /// count, unless the session is theirs.
    pub subscribers: u64,
}

/// A change with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The number of the change. It increases by one with each change while the broker runs.
    pub sequence: u64,
    /// The change.
    pub event: Event,
}

/// The facts that a PAM module puts into the environment of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// `XDG_SESSION_ID`.
    pub id: SessionId,
    /// `XDG_SESSION_CLASS`.
    pub class: Class,
    /// `XDG_SESSION_TYPE`.
    pub session_type: SessionType,
    /// `XDG_SEAT`.
    pub seat: Option<ShortName>,
    /// `XDG_VTNR`.
    pub vt: Option<Vt>,
    /// `XDG_RUNTIME_DIR`, once the module has seen that the user owns it.
    pub runtime_dir: Option<PathText>,
}

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// For programs.
    pub code: RefusalCode,
    /// For people: one line that says what to do.
    pub message: Message,
}

impl Refusal {
    /// A refusal whose message is cut where it is too long.
    #[must_use]
    pub fn new(code: RefusalCode, message: &str) -> Self {
        Self { code, message: Text::clipped(message) }
    }
}

impl Reply {
    /// [`Refusal::new`], as a reply.
    #[must_use]
    pub fn refused(code: RefusalCode, message: &str) -> Self {
        Self::Refused(Refusal::new(code, message))
    }
}

/// The reason of a refusal. Any request can be refused, so a new variant requires a new version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalCode {
    /// The frame could not be decoded; the connection is closed.
    Malformed,
    /// The protocol version of the frame is not supported; the connection is closed.
    Version,
    /// The peer is not permitted to send this request.
    NotAllowed,
    /// No session has that id.
    NoSuchSession,
    /// A value in the request is invalid.
    Invalid,
    /// A limit is reached.
    Busy,
    /// The broker failed to carry out the request.
    Failed,
    /// No teardown that was given up has that id.
    NoSuchTeardown,
    /// No user with that uid is logged in or lingers.
    NoSuchUser,
}

impl RefusalCode {
    /// All codes and their words in metrics, in the order of the wire.
    pub const WORDS: [(Self, &str); 9] = [
        (Self::Malformed, "malformed"),
        (Self::Version, "version"),
        (Self::NotAllowed, "not_allowed"),
        (Self::NoSuchSession, "no_such_session"),
        (Self::Invalid, "invalid"),
        (Self::Busy, "busy"),
        (Self::Failed, "failed"),
        (Self::NoSuchTeardown, "no_such_teardown"),
        (Self::NoSuchUser, "no_such_user"),
    ];
}
