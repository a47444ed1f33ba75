//! The permissions of the history file: users can read it if they may see each other's sessions.

use crate::config::Readers;
use rustix::fs::{Gid, Mode, fchmod, fchown};
use std::{
    fs::File,
    io,
    os::unix::fs::{MetadataExt, PermissionsExt},
};

/// All users may read the history, as wtmp(5).
const OPEN: u32 = 0o644;
/// Only root and the administrators may.
const CLOSED: u32 = 0o640;
/// The permission bits of other users.
const OTHERS: u32 = 0o7;

impl Readers {
    /// The mode of a new file.
    pub(super) fn mode(self) -> u32 {
        if self.closed { CLOSED } else { OPEN }
    }

    /// If `closed`, removes the permissions of other users and sets the group of the administrators. Otherwise makes a
    /// file readable again, but only if its mode and owner are exactly those of a closed file: stricter permissions
    /// that an administrator has set are kept.
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

    /// The argument for the history writer.
    pub(super) fn argument(self) -> String {
        let group = self.group.map_or(String::new(), |group| group.to_string());
        format!("{}:{group}", if self.closed { "own" } else { "all" })
    }

    /// Parses that argument.
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
