//! Who may see a change.

use ck_protocol::{Event, Uid};

/// Those who may see something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody.
    Everybody,
    /// This user, and root.
    Owner(Uid),
}

impl Audience {
    /// Who may see this change: the one place that decides it.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event {
            Event::LockRequested { uid, .. } | Event::UnlockRequested { uid, .. } => Self::Owner(*uid),
            _ => Self::Everybody,
        }
    }

    /// Whether the peer, a uid, is among them.
    #[must_use]
    pub fn has(self, peer: u32) -> bool {
        match self {
            Self::Everybody => true,
            Self::Owner(uid) => peer == 0 || peer == uid.get(),
        }
    }
}
