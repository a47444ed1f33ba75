//! The state that survives a restart of the broker, in the private part of the state directory:
//!
//! - `sessions/<id>`: a [`SessionRecord`], written before the login is answered;
//! - `users/<uid>`: the claims of [`crate::directories`];
//! - `boot`: the boot that all of it is of;
//! - `next-id`: this session id and all larger ones were never used;
//! - `lock`: held while a broker runs.
//!
//! Lingering users survive a reboot: their records are in another directory ([`LingerDir`]).
//!
//! All files but the claims are replaced as a whole, by rename(2). Nothing is synced: the state directory is a tmpfs,
//! which survives the death of the broker but not of the machine.

mod boot;
mod format;
mod linger;
mod records;
mod state_dir;

pub use boot::Boot;
pub use linger::{LingerDir, LingerError};
pub use records::UnreadableRecord;
pub use state_dir::StateDir;

use crate::{
    places::state::{BOOT, NEXT_ID},
    state_files::{self, StoreError},
};
use ck_core::model::SessionRecord;
use ck_protocol::SessionId;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The number of ids that one write of `next-id` covers. A crash skips at most this number.
const IDS_PER_WRITE: u64 = 64;

/// The number of ids that are skipped if it is unknown which ones were used: more than a machine ever uses.
const IDS_SKIPPED: u64 = 1 << 32;

/// The session records and `next-id` on disk.
#[derive(Debug)]
pub struct Store {
    sessions: PathBuf,
    next_id: PathBuf,
    boot: PathBuf,
    /// The contents of `next-id`.
    covered: SessionId,
    /// The records that could not be removed yet.
    stale: BTreeSet<SessionId>,
}

/// The state of an earlier broker.
#[derive(Debug, Default)]
pub struct RecoveredState {
    /// The sessions.
    pub sessions: Vec<SessionRecord>,
    /// True if they are of an earlier boot, so that all of them have ended.
    pub is_of_earlier_boot: bool,
    /// The first id that was never used.
    pub next_id: Option<SessionId>,
    /// The session records that could not be read.
    pub unreadable: Vec<UnreadableRecord>,
}

impl Store {
    /// Opens the store in the state directory, and reads its contents. `boot` is the current boot, where that is known.
    ///
    /// # Errors
    /// [`StoreError`] if a directory cannot be read. A record that cannot be read is no error.
    pub fn open(state: &StateDir, boot: Option<&Boot>) -> Result<(Self, RecoveredState), StoreError> {
        let sessions = state.sessions();
        let (next_id, boot_file) = (state.private().join(NEXT_ID), state.private().join(BOOT));
        let mut left = RecoveredState {
            next_id: records::read_id(&next_id),
            is_of_earlier_boot: boot.is_some_and(|boot| boot.differs_from(&boot_file)),
            ..RecoveredState::default()
        };
        records::read_sessions(&sessions, &mut left)?;
        let above = left.sessions.iter().map(|entry| entry.session.id.next());
        let above = above.chain(left.next_id).max();
        let lost = left.next_id.is_none() && next_id.exists();
        left.next_id = if lost { Some(beyond(above, &next_id)) } else { above };
        let covered = left.next_id.unwrap_or(SessionId::FIRST);
        Ok((Self { sessions, next_id, boot: boot_file, covered, stale: BTreeSet::new() }, left))
    }

    /// Writes the record of a session. `next-id` covers its id first.
    ///
    /// # Errors
    /// [`StoreError`]; then there is no record.
    pub fn record(&mut self, entry: &SessionRecord) -> Result<(), StoreError> {
        // If these cannot be removed, the new record may fail for the same reason, and its error is returned.
        let _ = self.forget_stale();
        let id = entry.session.id;
        if id >= self.covered {
            let covered = SessionId::new(id.get().saturating_add(IDS_PER_WRITE));
            records::write_id(&self.next_id, covered)?;
            self.covered = covered;
        }
        records::write_session(&self.sessions, entry)
    }

    /// Renames a record, so that the next broker ignores it. Returns its new path.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn set_aside(&self, record: &UnreadableRecord) -> Result<PathBuf, StoreError> {
        records::set_aside(&record.path)
    }

    /// Removes the record of a session, if there is one. A record that cannot be removed now, for example on a
    /// read-only file system, is removed before the next record is written.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn forget(&mut self, id: SessionId) -> Result<(), StoreError> {
        self.stale.insert(id);
        self.forget_stale()
    }

    fn forget_stale(&mut self) -> Result<(), StoreError> {
        while let Some(id) = self.stale.first() {
            state_files::remove(&self.sessions.join(id.to_string()))?;
            self.stale.pop_first();
        }
        Ok(())
    }

    /// Writes that the records are of this boot.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn write_boot(&self, boot: &Boot) -> Result<(), StoreError> {
        boot.write(&self.boot)
    }

    /// Writes exactly the next id, so that an orderly restart skips no id.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn write_next_id(&self, next: SessionId) -> Result<(), StoreError> {
        records::write_id(&self.next_id, next)
    }
}

/// An id that was never used, although it is unknown which ones were.
fn beyond(known: Option<SessionId>, next_id: &Path) -> SessionId {
    let next = SessionId::new(known.map_or(0, SessionId::get).saturating_add(IDS_SKIPPED));
    log::error!("{} cannot be read: ids continue at {next}, so that none is used twice", next_id.display());
    next
}
