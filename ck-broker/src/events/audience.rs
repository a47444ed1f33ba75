//! Who may hear of a change.

use crate::server::permissions::{Asked, Asker};
use ck_protocol::{Event, SessionId, Uid};

/// Whom a change is about, and so who may hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who may have this of the user.
    Of(Asked, Uid),
    /// Who may see the sessions of both users. Of a session that has just ended nobody knows any more whose
    /// it was.
    OfSeat([Option<Option<Uid>>; 2]),
    /// All whom the configuration can close something to, or open it.
    AllButRoot,
}

impl Audience {
    /// Who may hear of this change; `owner_of` a session that is on a seat tells whose it is.
    #[must_use]
    pub fn of(event: &Event, owner_of: impl Fn(SessionId) -> Option<Uid>) -> Self {
        match event {
            Event::UserAdded(uid)
            | Event::UserRemoved(uid)
            | Event::TeardownFinished(uid)
            | Event::TeardownFailed(uid)
            | Event::SessionRemoved { uid, .. } => Self::Of(Asked::See, *uid),
            Event::SessionAdded(session) | Event::SessionChanged(session) => {
                Self::Of(Asked::See, session.uid)
            }
            Event::LockRequested { uid, .. } | Event::UnlockRequested { uid, .. } => {
                Self::Of(Asked::HearLock, *uid)
            }
            Event::SeatChanged { active, before, .. } => {
                Self::OfSeat([*active, *before].map(|id| id.map(&owner_of)))
            }
        }
    }

    /// Whether the peer is among them.
    #[must_use]
    pub fn has(self, asker: &Asker) -> bool {
        match self {
            Self::Of(asked, uid) => asker.may(asked, Some(uid)),
            Self::AllButRoot => asker.uid != 0,
            Self::OfSeat(owners) => owners.into_iter().flatten().all(|owner| asker.may(Asked::See, owner)),
        }
    }
}
