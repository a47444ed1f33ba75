//! Writes the records of sessions. A record that cannot be written, for example because there is no room, is written later.

use super::Sessions;
use ck_protocol::SessionId;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// The time until the next try to write records that could not be written.
const RECORD_RETRY: Duration = Duration::from_secs(10);

/// The sessions whose records could not be written.
#[derive(Debug, Default)]
pub(crate) struct Unrecorded {
    sessions: BTreeSet<SessionId>,
    /// Why the last one could not be written.
    reason: String,
    /// The time of the next try.
    due: Option<Instant>,
}

impl Unrecorded {
    /// The problem for the administrator, if there is such a session.
    pub(crate) fn problem(&self) -> Option<String> {
        let count = Some(self.sessions.len()).filter(|count| *count > 0)?;
        Some(format!("sessions that would not survive a restart of ck-broker: {count}: {}", self.reason))
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The session has ended, so it needs no record.
    pub(super) fn forget(&mut self, id: SessionId) {
        self.sessions.remove(&id);
        if self.sessions.is_empty() {
            self.due = None;
        }
    }
}

impl Sessions {
    /// Writes the record of a session.
    pub(crate) fn record(&mut self, id: SessionId) {
        let Some(record) = self.registry.get(id) else { return };
        if let Err(error) = self.store.record(record) {
            log::error!("session {id} would not survive a restart of ck-broker: {error}");
            self.unrecorded.reason = error.to_string();
            self.unrecorded.sessions.insert(id);
            self.unrecorded.due.get_or_insert_with(|| Instant::now() + RECORD_RETRY);
        }
    }

    /// Writes the records that could not be written, if it is time for that.
    pub(super) fn record_again(&mut self, now: Instant) {
        if self.unrecorded.due.is_none_or(|due| due > now) {
            return;
        }
        while let Some(&id) = self.unrecorded.sessions.first() {
            if let Some(Err(error)) = self.registry.get(id).map(|record| self.store.record(record)) {
                self.unrecorded.reason = error.to_string();
                self.unrecorded.due = Some(now + RECORD_RETRY);
                return;
            }
            log::info!("session {id} would survive a restart of ck-broker again");
            self.unrecorded.forget(id);
        }
    }
}
