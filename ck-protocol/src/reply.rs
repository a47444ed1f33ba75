//! What the broker answers.

use crate::{
    Class, Event, Fact, Kind, Message, PathText, Seat, Session, SessionId, ShortName, Status, Teardown,
    TeardownDetail, Text, User, Vt,
};
use serde::{Deserialize, Serialize};

/// A reply on either socket. Variants are only ever added at the end, and sent only as the answer to a request that is as new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The session is open.
    Opened(Opened),
    /// The session is not, or no longer, open.
    Closed,
    /// A session.
    Session(Box<Session>),
    /// The broker's own state, for an older `ckctl`.
    Status(Status),
    /// The end of a list.
    End,
    /// The request was not carried out.
    Refused(Refusal),
    /// A teardown.
    Teardown(Box<Teardown>),
    /// So many teardowns are tried again.
    Retrying(u64),
    /// A user.
    User(Box<User>),
    /// A seat.
    Seat(Box<Seat>),
    /// It is carried out, or under way; it was about so many sessions.
    Done(u64),
    /// To a subscriber: that was everything. The next change has this number.
    Synced(u64),
    /// To a subscriber: something has changed.
    Change(Box<Change>),
    /// To a subscriber who read too slowly: so many changes are missing here.
    Lost(u64),
    /// A teardown, with all that is known of it.
    TeardownDetail(Box<TeardownDetail>),
    /// Something that somebody should look at: one line that says what it costs whom, and what to do.
    Problem(Message),
    /// Something that the broker says of itself.
    Fact(Fact),
}

/// A change, and which one it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Counted up by one from change to change, as long as the broker runs.
    pub sequence: u64,
    /// What has changed.
    pub event: Event,
}

/// What a PAM module puts into the environment of a login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// `XDG_SESSION_ID`.
    pub id: SessionId,
    /// `XDG_SESSION_CLASS`.
    pub class: Class,
    /// `XDG_SESSION_TYPE`.
    pub kind: Kind,
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

/// The kinds of refusal. Any request can get one, so another variant is a new version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalCode {
    /// The frame could not be decoded; the connection is closed.
    Malformed,
    /// The frame's protocol version is not spoken here; the connection is closed.
    Version,
    /// The peer may not ask this.
    NotAllowed,
    /// No session has that id.
    NoSuchSession,
    /// A fact in the request cannot be true or cannot be used.
    Invalid,
    /// A limit is reached.
    Busy,
    /// The broker could not do it.
    Failed,
    /// No teardown that was given up has that id.
    NoSuchTeardown,
    /// Nobody of that uid is here.
    NoSuchUser,
}
