//! The events that subscribers receive.

use crate::{EndCause, Session, SessionId, ShortName, Timestamp, Uid, UserName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change. Subscribers receive changes in the order in which they happened. Every subscriber receives every variant,
/// so a new variant requires a new version of the protocol.
///
/// A name of a user and the facts of an end are absent only in an event of a broker that speaks version 1 alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first session of a user is about to be added.
    UserAdded {
        /// The user.
        uid: Uid,
        /// The name of the user.
        user: Option<UserName>,
    },
    /// A session was opened.
    SessionAdded(Box<Session>),
    /// A session has ended.
    SessionRemoved {
        /// The session.
        id: SessionId,
        /// Its user.
        uid: Uid,
        /// What it was, and why it ended.
        end: Option<Box<SessionEnd>>,
    },
    /// The last session of a user has ended.
    UserRemoved {
        /// The user.
        uid: Uid,
        /// The name of the user.
        user: Option<UserName>,
    },
    /// The contents of a user's runtime directory were removed.
    TeardownFinished(Uid),
    /// Some of the contents could not be removed and remain in `.ck-retired`.
    TeardownFailed(Uid),
    /// A session has changed, for example from online to active. This is its new state.
    SessionChanged(Box<Session>),
    /// The active session of a seat has changed.
    SeatChanged {
        /// The seat.
        seat: ShortName,
        /// The session that is active now.
        active: Option<SessionId>,
        /// The session that was active before.
        before: Option<SessionId>,
    },
    /// A request to the programs of a session's owner to lock the session.
    LockRequested {
        /// The session.
        id: SessionId,
        /// Whose it is.
        uid: Uid,
        /// The name of the owner.
        user: Option<UserName>,
    },
    /// A request to them to unlock the session.
    UnlockRequested {
        /// The session.
        id: SessionId,
        /// Whose it is.
        uid: Uid,
        /// The name of the owner.
        user: Option<UserName>,
    },
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// The session as it was at its end. Its state is closing.
    pub session: Session,
    /// Why it ended.
    pub cause: EndCause,
    /// When it ended, or when the broker that found it ended was started.
    pub ended_at: Timestamp,
}

impl Event {
    /// A request to lock `session`.
    #[must_use]
    pub fn lock_requested(session: &Session) -> Self {
        let Session { id, uid, user, .. } = session;
        Self::LockRequested { id: *id, uid: *uid, user: Some(user.clone()) }
    }

    /// A request to unlock `session`.
    #[must_use]
    pub fn unlock_requested(session: &Session) -> Self {
        let Session { id, uid, user, .. } = session;
        Self::UnlockRequested { id: *id, uid: *uid, user: Some(user.clone()) }
    }
}

impl From<SessionEnd> for Event {
    fn from(end: SessionEnd) -> Self {
        let Session { id, uid, .. } = end.session;
        Self::SessionRemoved { id, uid, end: Some(Box::new(end)) }
    }
}

/// A user in an event: `alice (2001)`, or `user 2001` if the name is unknown. The name is escaped.
struct Owner<'e>(Uid, Option<&'e UserName>);

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(uid, name) = self;
        match name {
            Some(name) => write!(f, "{name} ({uid})"),
            None => write!(f, "user {uid}"),
        }
    }
}

impl fmt::Display for Event {
    /// Writes one line for a log, with texts from outside escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserAdded { uid, user: Some(user) } => write!(f, "user {user} ({uid}) is here"),
            Self::UserAdded { uid, user: None } => write!(f, "user {uid} is here"),
            Self::SessionAdded(session) => {
                let Session { id, user, uid, service, leader_pid, .. } = &**session;
                write!(f, "session {id} opened for {user} ({uid}) by {service}[{leader_pid}]")?;
                session.tty.iter().try_for_each(|tty| write!(f, " on {tty}"))?;
                session.remote_host.iter().try_for_each(|host| write!(f, " from {host}"))
            }
            Self::SessionRemoved { id, uid, end } => {
                let name = end.as_ref().map(|end| &end.session.user);
                write!(f, "session {id} of {} ended", Owner(*uid, name))?;
                end.iter().try_for_each(|end| write!(f, ": {}", end.cause))
            }
            Self::UserRemoved { uid, user: Some(user) } => write!(f, "user {user} ({uid}) has left"),
            Self::UserRemoved { uid, user: None } => write!(f, "user {uid} has left"),
            Self::TeardownFinished(uid) => write!(f, "runtime directory of user {uid} torn down"),
            Self::TeardownFailed(uid) => write!(f, "runtime directory of user {uid} could not be torn down"),
            Self::SessionChanged(session) => write!(f, "session {} is {}", session.id, session.state),
            Self::SeatChanged { seat, active: Some(id), .. } => write!(f, "{seat}: session {id} is active"),
            Self::SeatChanged { seat, active: None, .. } => write!(f, "{seat}: no session is active"),
            Self::LockRequested { id, uid, user } => {
                write!(f, "session {id} of {} is to be locked", Owner(*uid, user.as_ref()))
            }
            Self::UnlockRequested { id, uid, user } => {
                write!(f, "session {id} of {} is to be unlocked", Owner(*uid, user.as_ref()))
            }
        }
    }
}
