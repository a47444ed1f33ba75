//! The events that hooks are run for.

use ck_protocol::{Session, SessionId, ShortName, Uid};
use std::fmt;

/// A change that hooks are told of, with the facts at the time of the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookEvent {
    /// A session was opened.
    SessionAdded(Box<Session>),
    /// A session has ended.
    SessionRemoved(Box<Session>),
    /// A session became active on its seat, or is no longer active.
    SessionActiveChanged(Box<Session>),
    /// A seat exists.
    SeatAdded(ShortName),
    /// A seat no longer exists.
    SeatRemoved(ShortName),
    /// The active session of a seat has changed.
    SeatActiveSessionChanged {
        /// The seat.
        seat: ShortName,
        /// The session that was active before.
        old: Option<Box<Session>>,
        /// The session that is active now.
        new: Option<Box<Session>>,
    },
}

/// The key by which hook events are ordered. Events with the same key are told one after another, in the order in which
/// they happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OrderingKey {
    /// A session.
    Session(SessionId),
    /// A seat.
    Seat(ShortName),
}

impl HookEvent {
    /// The first argument of a hook, with the name that ConsoleKit uses.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::SessionAdded(_) => "session_added",
            Self::SessionRemoved(_) => "session_removed",
            Self::SessionActiveChanged(_) => "session_active_changed",
            Self::SeatAdded(_) => "seat_added",
            Self::SeatRemoved(_) => "seat_removed",
            Self::SeatActiveSessionChanged { .. } => "seat_active_session_changed",
        }
    }

    /// The session or seat that has changed.
    #[must_use]
    pub fn ordering_key(&self) -> OrderingKey {
        match self {
            Self::SessionAdded(session)
            | Self::SessionRemoved(session)
            | Self::SessionActiveChanged(session) => OrderingKey::Session(session.id),
            Self::SeatAdded(seat) | Self::SeatRemoved(seat) | Self::SeatActiveSessionChanged { seat, .. } => {
                OrderingKey::Seat(seat.clone())
            }
        }
    }

    /// The user whose share of the hook queue the event takes: the owner of the session, or root for a seat.
    #[must_use]
    pub fn uid(&self) -> Uid {
        match self {
            Self::SessionAdded(session)
            | Self::SessionRemoved(session)
            | Self::SessionActiveChanged(session) => session.uid,
            Self::SeatAdded(_) | Self::SeatRemoved(_) | Self::SeatActiveSessionChanged { .. } => Uid::ROOT,
        }
    }
}

impl fmt::Display for HookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ordering_key() {
            OrderingKey::Session(id) => write!(f, "{} of session {id}", self.action()),
            OrderingKey::Seat(seat) => write!(f, "{} of {seat}", self.action()),
        }
    }
}
