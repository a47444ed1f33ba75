//! A teardown.

use crate::{Message, PathText, TeardownId, Timestamp, Uid, named::named};
use serde::{Deserialize, Serialize};

/// The removal of the contents of a user's runtime directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Teardown {
    /// Its id.
    pub id: TeardownId,
    /// The user of the directory.
    pub uid: Uid,
    /// The path of the remaining files.
    pub path: PathText,
    /// Its state.
    pub state: TeardownState,
    /// The number of failed tries.
    pub failures: u32,
    /// The time of the next try, if it waits for one.
    pub next_try: Option<Timestamp>,
    /// Why the last try failed.
    pub reason: Option<Message>,
}

/// A teardown, with the details that were added later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TeardownDetail {
    /// The teardown itself.
    pub teardown: Teardown,
    /// The size of the directory when its user left, in bytes. `None` if it is unknown, as for a plain directory.
    pub bytes: Option<u64>,
    /// The time at which its user left, or at which a broker found it.
    pub since: Timestamp,
}

named! {
    /// The state of a teardown.
    TeardownState, "teardown state":
    /// It waits for a worker, or for its next try.
    Waiting = "waiting",
    /// A worker is running.
    Running = "running",
    /// It was given up after the last try. An administrator has to look at it.
    Quarantined = "quarantined",
    /// Its worker hangs in the kernel and has outlived SIGKILL.
    Abandoned = "abandoned",
}
