//! What changed.

use crate::{Session, SessionId, ShortName, Uid};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A change, in the order in which it happened. Subscribers are told all of them, so another variant is a new version of the
/// protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first session of a user is about to be added.
    UserAdded(Uid),
    /// A session is open.
    SessionAdded(Box<Session>),
    /// A session has ended.
    SessionRemoved {
        /// The session.
        id: SessionId,
        /// Whose it was.
        uid: Uid,
    },
    /// The last session of a user has ended.
    UserRemoved(Uid),
    /// What a user's runtime directory held is gone.
    TeardownFinished(Uid),
    /// Something of it could not be removed and lies in `.ck-retired`.
    TeardownFailed(Uid),
    /// Something about a session is another, such as whether it is active: this is how it is now.
    SessionChanged(Box<Session>),
    /// Another session is in the foreground of a seat, or none.
    SeatChanged {
        /// The seat.
        seat: ShortName,
        /// Which one it is.
        active: Option<SessionId>,
        /// Which one it was.
        before: Option<SessionId>,
    },
    /// The programs of a session's owner are to lock it.
    LockRequested {
        /// The session.
        id: SessionId,
        /// Whose it is.
        uid: Uid,
    },
    /// They are to unlock it.
    UnlockRequested {
        /// The session.
        id: SessionId,
        /// Whose it is.
        uid: Uid,
    },
}

impl fmt::Display for Event {
    /// One line for a log, everything that came from outside escaped.
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
