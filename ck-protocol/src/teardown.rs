//! What is known of a teardown.

use crate::{Message, PathText, TeardownId, Timestamp, Uid, named::named};
use serde::{Deserialize, Serialize};

/// The removal of what a user's runtime directory held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teardown {
    /// Its name.
    pub id: TeardownId,
    /// Whose directory it was.
    pub uid: Uid,
    /// Where what is left lies; for a file system that is mounted nowhere any more, where it was.
    pub path: PathText,
    /// Where it is in its life.
    pub state: TeardownState,
    /// How many tries have failed.
    pub failures: u32,
    /// When the next try is due, for one that waits for that.
    pub next_try: Option<Timestamp>,
    /// What the last try could not remove, or why it failed.
    pub reason: Option<Message>,
}

/// A teardown, with what was added to it later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeardownDetail {
    /// What was always told of it.
    pub teardown: Teardown,
    /// What the directory held when its user left, in bytes; `None` where that is not known, as of a plain directory.
    pub bytes: Option<u64>,
    /// When its user left, or when a broker found it.
    pub since: Timestamp,
}

named! {
    /// Where a teardown is in its life.
    TeardownState, "teardown state":
    /// For a worker, or for its next try.
    Waiting = "waiting",
    /// A worker is at it.
    Running = "running",
    /// Given up after the last try: somebody must look.
    Quarantined = "quarantined",
    /// Its worker hangs in the kernel, and not even SIGKILL ends it.
    Abandoned = "abandoned",
}
