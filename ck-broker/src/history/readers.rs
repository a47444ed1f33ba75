//! Who may read the file: as many as may see each other's sessions.

use crate::config::Readers;
use rustix::fs::{Gid, Mode, fchmod, fchown};
use std::{
    fs::File,
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

/// Everybody may read who was here, as in wtmp(5).
const OPEN: u32 = 0o644;
/// Only root and the administrators.
const CLOSED: u32 = 0o640;
/// What others may do with a file.
const OTHERS: u32 = 0o7;

impl Readers {
    /// The mode of a file that is made.
    pub(super) fn mode(self) -> u32 {
        if self.closed { CLOSED } else { OPEN }
    }

    /// Closes a file to others, and gives it to the administrators' group; or opens one that is exactly as this leaves it.
    /// An administrator who wants less to be read is not undone.
    pub(super) fn apply(self, file: &File) -> io::Result<()> {
        let found = file.metadata()?;
        let mode = found.permissions().mode() & 0o7777;
        let group = self.group.unwrap_or(0);
        if self.closed {
            if mode & OTHERS != 0 {
                fchmod(file, Mode::from_raw_mode(mode & !OTHERS))?;
            }
            if found.gid() != group {
                fchown(file, None, Some(Gid::from_raw(group)))?;
            }
        } else if (mode, found.uid()) == (CLOSED, 0) && [0, group].contains(&found.gid()) {
            fchmod(file, Mode::from_raw_mode(OPEN))?;
        }
        Ok(())
    }

    /// As the process that writes is told it.
    pub(super) fn argument(self) -> String {
        let group = self.group.map_or(String::new(), |group| group.to_string());
        format!("{}:{group}", if self.closed { "own" } else { "all" })
    }

    /// Reads that.
    pub(super) fn parse(listing: &str, group: &str) -> Option<Self> {
        let closed = match listing {
            "own" => true,
            "all" => false,
            _ => return None,
        };
        let group = if group.is_empty() { None } else { Some(group.parse().ok()?) };
        Some(Self { closed, group })
    }
}
