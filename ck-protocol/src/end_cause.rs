//! Why a session ended.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a session ended. Subscribers, the history, the log and `ckctl` use this one type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndCause {
    /// The PAM module closed it at the logout.
    Logout,
    /// Its leader died without closing it.
    LeaderDied,
    /// A user ended it by `ckctl terminate`.
    Terminated {
        /// The uid of that user.
        by: u32,
    },
    /// The login did not get its reply.
    NoReply,
    /// The login did not wait for the hooks of its session.
    HooksNotAwaited,
    /// Its end could not have been seen, because its leader cannot be watched.
    LeaderUnwatched,
    /// It ended while no broker ran.
    Unseen,
}

impl EndCause {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::LeaderDied => "leader_died",
            Self::Terminated { .. } => "terminated",
            Self::NoReply => "no_reply",
            Self::HooksNotAwaited => "hooks_not_awaited",
            Self::LeaderUnwatched => "leader_unwatched",
            Self::Unseen => "unseen",
        }
    }

    /// The uid of the user who terminated the session.
    #[must_use]
    pub fn terminated_by(self) -> Option<u32> {
        match self {
            Self::Terminated { by } => Some(by),
            _ => None,
        }
    }
}

impl fmt::Display for EndCause {
    /// For people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logout => f.write_str("logout"),
            Self::LeaderDied => f.write_str("its leader died"),
            Self::Terminated { by } => write!(f, "terminated by uid {by}"),
            Self::NoReply => f.write_str("its login got no reply"),
            Self::HooksNotAwaited => f.write_str("its login did not wait for hooks"),
            Self::LeaderUnwatched => f.write_str("its leader cannot be watched"),
            Self::Unseen => f.write_str("while no broker ran"),
        }
    }
}
