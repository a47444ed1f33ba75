//! Takes over the sessions of an earlier broker on the same state directory.

use super::Sessions;
use crate::{component::Outcome, process};
use ck_core::model::Leader;
use ck_protocol::SessionId;
use std::time::{Duration, Instant};

/// The time until the next try to watch leaders that could not be watched.
const WATCH_RETRY: Duration = Duration::from_secs(5);

impl Sessions {
    /// Watches the leaders of all restored sessions. Returns the ends of the sessions whose leader is dead.
    pub(crate) fn watch_all(&mut self, now: Instant) -> Vec<Outcome> {
        self.unwatched = self.registry.from(SessionId::new(0)).map(|record| record.session.id).collect();
        self.watch_again(now)
    }

    /// Returns the ends of all sessions, which are of an earlier boot.
    pub(crate) fn end_all(&self) -> Vec<Outcome> {
        let all = self.registry.from(SessionId::new(0)).map(|record| record.session.id);
        all.map(Outcome::EndedUnseen).collect()
    }

    /// Watches the leaders that are not watched yet. Returns the ends of the sessions whose leader is dead. A leader
    /// that cannot be watched is tried again later: the late end of a session does less harm than taking the directory
    /// from a session that lives.
    pub(super) fn watch_again(&mut self, now: Instant) -> Vec<Outcome> {
        let (mut ended, mut failed) = (Vec::new(), None);
        for id in std::mem::take(&mut self.unwatched) {
            let Some(record) = self.registry.get(id) else { continue };
            let (pid, started, inode) =
                (record.session.leader_pid, record.leader_started, record.leader_inode);
            let watched = match process::again(&self.proc, Leader { pid, started, inode }) {
                Ok(None) => {
                    ended.push(Outcome::EndedUnseen(id));
                    continue;
                }
                Ok(Some(pidfd)) => {
                    // They are in no record that was written before the login was replied to.
                    self.registry.set_audit_ids(id, process::audit_ids(&self.proc, &pidfd, pid));
                    self.leaders.watch(id, pidfd)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = watched {
                failed = Some(error);
                self.unwatched.push(id);
            }
        }
        self.watch_due = failed.map(|error| {
            let count = self.unwatched.len();
            log::error!("leaders of {count} sessions cannot be watched: {error}; trying again");
            now + WATCH_RETRY
        });
        ended
    }
}
