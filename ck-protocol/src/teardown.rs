//! What is known of a teardown.

use crate::{Message, PathText, Timestamp, Uid, named::named};
use serde::{Deserialize, Serialize};
use std::{fmt, num::ParseIntError, str::FromStr};

/// The name of a teardown: counted up, never used again while the broker runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TeardownId(u64);

impl TeardownId {
    /// The first teardown of a broker.
    pub const FIRST: Self = Self(1);

    /// The id `number`.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The id that follows this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for TeardownId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for TeardownId {
    type Err = ParseIntError;

    /// Reads an id as it is printed: a decimal number.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

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
