//! The place of the history, and who may read it.

use ck_core::policy::{Listing, Policy};
use std::path::PathBuf;

/// The place of the history, and its size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPlace {
    /// The file. The rotated file before it has the same name with `.1`.
    pub file: PathBuf,
    /// The maximum size of each of the two files, in bytes.
    pub size: u64,
    /// Who may read the files.
    pub readers: Readers,
}

/// Who may read the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readers {
    /// True if only root and the administrators may read it.
    pub closed: bool,
    /// The group of the administrators.
    pub group: Option<u32>,
}

impl From<Policy> for Readers {
    fn from(policy: Policy) -> Self {
        Self { closed: policy.listing == Listing::Own, group: policy.group }
    }
}
