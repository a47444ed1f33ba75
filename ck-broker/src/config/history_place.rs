//! Where the history is, and who may read it.

use ck_core::policy::{Listing, Policy};
use std::path::PathBuf;

/// Where the history is, and how long it may grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The file. Beside it is the one before, with `.1` at the end.
    pub file: PathBuf,
    /// How large each of the two may be, in bytes.
    pub size: u64,
    /// Who may read them.
    pub readers: Readers,
}

/// Who may read the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// Whether only root and the administrators may.
    pub closed: bool,
    /// The group of the administrators.
    pub group: Option<u32>,
}

impl From<Policy> for Readers {
    fn from(policy: Policy) -> Self {
        Self { closed: policy.listing == Listing::Own, group: policy.group }
    }
}
