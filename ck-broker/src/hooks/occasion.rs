//! What hooks are run for.

use ck_protocol::{Session, SessionId, ShortName, Uid};
use std::fmt;

/// A change that hooks hear of, with the facts as they were then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A session is open.
    SessionAdded(Box<Session>),
    /// A session has ended.
    SessionRemoved(Box<Session>),
    /// A session came to the foreground of its seat, or went from there.
    SessionActiveChanged(Box<Session>),
    /// A seat is there.
    SeatAdded(ShortName),
    /// A seat is there no more.
    SeatRemoved(ShortName),
    /// Another session is in the foreground of a seat.
    SeatActiveSessionChanged {
        /// The seat.
        seat: ShortName,
        /// Which one it was, if any.
        old: Option<Box<Session>>,
        /// Which one it is, if any.
        new: Option<Box<Session>>,
    },
}

/// Whose order is kept: what happens to one of these is told one after another, as it happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// A session.
    Session(SessionId),
    /// A seat.
    Seat(ShortName),
}

impl Occasion {
    /// A hook's first argument, as ConsoleKit calls it.
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

    /// What has changed.
    #[must_use]
    pub fn lane(&self) -> Lane {
        match self {
            Self::SessionAdded(session)
            | Self::SessionRemoved(session)
            | Self::SessionActiveChanged(session) => Lane::Session(session.id),
            Self::SeatAdded(seat) | Self::SeatRemoved(seat) | Self::SeatActiveSessionChanged { seat, .. } => {
                Lane::Seat(seat.clone())
            }
        }
    }

    /// Who caused it, where it is about a session.
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

impl fmt::Display for Occasion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lane() {
            Lane::Session(id) => write!(f, "{} of session {id}", self.action()),
            Lane::Seat(seat) => write!(f, "{} of {seat}", self.action()),
        }
    }
}
