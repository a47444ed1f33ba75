//! The events that subscribers receive.

use crate::{Session, SessionId, ShortName, Uid};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change. Subscribers receive changes in the order in which they happened. Every subscriber receives every variant,
/// so a new variant requires a new version of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first session of a user is about to be added.
    UserAdded(Uid),
    /// A session was opened.
    SessionAdded(Box<Session>),
    /// A session has ended.
    SessionRemoved {
        /// The session.
        id: SessionId,
        /// Its user.
        uid: Uid,
    },
    /// The last session of a user has ended.
    UserRemoved(Uid),
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
    },
    /// A request to them to unlock the session.
    UnlockRequested {
        /// The session.
        id: SessionId,
        /// Whose it is.
        uid: Uid,
    },
}

impl fmt::Display for Event {
    /// Writes one line for a log, with texts from outside escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UserAdded(uid) => write!(f, "user {uid} is here"),
            Self::SessionAdded(session) => {
                let Session { id, user, uid, service, leader_pid, .. } = &**session;
                write!(f, "session {id} opened for {user} ({uid}) by {service}[{leader_pid}]")?;
                session.tty.iter().try_for_each(|tty| write!(f, " on {tty}"))?;
                session.remote_host.iter().try_for_each(|host| write!(f, " from {host}"))
            }
            Self::SessionRemoved { id, uid } => write!(f, "session {id} of user {uid} ended"),
            Self::UserRemoved(uid) => write!(f, "user {uid} has left"),
            Self::TeardownFinished(uid) => write!(f, "runtime directory of user {uid} torn down"),
            Self::TeardownFailed(uid) => write!(f, "runtime directory of user {uid} could not be torn down"),
            Self::SessionChanged(session) => write!(f, "session {} is {}", session.id, session.state),
            Self::SeatChanged { seat, active: Some(id), .. } => write!(f, "{seat}: session {id} is active"),
            Self::SeatChanged { seat, active: None, .. } => write!(f, "{seat}: no session is active"),
            Self::LockRequested { id, uid } => write!(f, "session {id} of user {uid} is to be locked"),
            Self::UnlockRequested { id, uid } => write!(f, "session {id} of user {uid} is to be unlocked"),
        }
    }
}
