//! What the broker keeps of sessions and users.

use ck_protocol::{Gid, PathText, Session, Token, UserName};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// A session as the registry keeps it and as the store writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The part that other processes may see.
    pub session: Session,
    /// The token by which the PAM module names the session.
    pub token: Token,
    /// The start time of the leader, or 0 if the leader has an inode. See [`Leader`](super::Leader).
    pub leader_started: u64,
    /// The inode of a pidfd of the leader, on kernels where it names one process only.
    pub leader_inode: Option<NonZeroU64>,
}

/// A user who lingers: the user keeps a runtime directory without a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lingerer {
    /// The primary group of the user.
    pub gid: Gid,
    /// The name of the user.
    pub name: UserName,
}

/// The runtime directory of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeDir {
    /// The path of the directory.
    pub path: PathText,
    /// True if the broker made the directory. A directory that somebody else made is used but never removed.
    pub ours: bool,
}
