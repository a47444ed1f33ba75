//! What survives a restart of the broker, in the private part of its state directory:
//!
//! - `sessions/<id>`: a [`SessionRecord`], written before the login is answered;
//! - `users/<uid>`: the claims of [`crate::directories`];
//! - `next-id`: no session id from this one on was ever given away;
//! - `lock`: held while a broker runs.
//!
//! What survives a restart of the system too is in another: who lingers ([`LingerDir`]).
//!
//! All but the claims come into place whole, by rename(2). Nothing is synced: the state directory lies on a tmpfs,
//! which a broker's death leaves alone and a machine's death does not.

mod format;
mod linger;
mod place;
mod records;

pub use linger::{LingerDir, LingerError};
pub use place::StateDir;
pub use records::UnreadableRecord;

use crate::{
    places::state::NEXT_ID,
    state_files::{self, StoreError},
};
use ck_core::model::SessionRecord;
use ck_protocol::SessionId;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// How many ids one write of `next-id` covers. After a crash at most so many are skipped.
const IDS_AT_ONCE: u64 = 64;

/// How many ids are skipped when it is not known which were given: more than a machine gives in its time.
const IDS_LOST: u64 = 1 << 32;

/// The state on disk.
#[derive(Debug)]
pub struct Store {
    sessions: PathBuf,
    next_id: PathBuf,
    /// What `next-id` says.
    covered: SessionId,
    /// Records that should be gone, and could not be removed yet.
    stale: BTreeSet<SessionId>,
}

/// What an earlier broker left.
#[derive(Debug, Default)]
pub struct Left {
    /// Its sessions.
    pub sessions: Vec<SessionRecord>,
    /// The first id that it never gave away.
    pub next_id: Option<SessionId>,
    /// Session records that could not be read.
    pub unreadable: Vec<UnreadableRecord>,
}

impl Store {
    /// The store in the state directory, and what it holds.
    ///
    /// # Errors
    /// [`StoreError`] when a directory cannot be read; a record that cannot is none.
    pub fn open(state: &StateDir) -> Result<(Self, Left), StoreError> {
        let sessions = state.sessions();
        let next_id = state.private().join(NEXT_ID);
        let mut left = Left { next_id: records::read_id(&next_id), ..Left::default() };
        records::read_sessions(&sessions, &mut left)?;
        let above = left.sessions.iter().map(|entry| entry.session.id.next());
        let above = above.chain(left.next_id).max();
        let lost = left.next_id.is_none() && next_id.exists();
        left.next_id = if lost { Some(beyond(above, &next_id)) } else { above };
        let covered = left.next_id.unwrap_or(SessionId::FIRST);
        Ok((Self { sessions, next_id, covered, stale: BTreeSet::new() }, left))
    }

    /// Writes a session down. Its id is covered by `next-id` first.
    ///
    /// # Errors
    /// [`StoreError`]; then there is no record.
    pub fn record(&mut self, entry: &SessionRecord) -> Result<(), StoreError> {
        // What stands in the way of these may stand in the way of the new record too; its own error
        // then says so.
        let _ = self.forget_stale();
        let id = entry.session.id;
        if id >= self.covered {
            let covered = SessionId::new(id.get().saturating_add(IDS_AT_ONCE));
            records::write_id(&self.next_id, covered)?;
            self.covered = covered;
        }
        records::write_session(&self.sessions, entry)
    }

    /// Sets a record aside, so that the next broker does not stumble over it as well. Returns where it is then.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn set_aside(&self, record: &UnreadableRecord) -> Result<PathBuf, StoreError> {
        records::set_aside(&record.path)
    }

    /// Strikes a session out; one without a record is none. One that cannot be struck out now, as
    /// on a file system that is read-only for a while, is when anything is recorded next.
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

    /// Notes exactly which id comes next, so that an orderly restart skips none.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn settle(&self, next: SessionId) -> Result<(), StoreError> {
        records::write_id(&self.next_id, next)
    }
}

/// An id that was surely never given, where it is not known any more which ones were.
fn beyond(known: Option<SessionId>, next_id: &Path) -> SessionId {
    let next = SessionId::new(known.map_or(0, SessionId::get).saturating_add(IDS_LOST));
    log::error!("{} cannot be read: ids go on from {next}, so that none is given twice", next_id.display());
    next
}
