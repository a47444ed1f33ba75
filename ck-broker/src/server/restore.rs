//! Taking over from an earlier broker on the same state directory.

use super::Server;
use crate::{
    process,
    runtime_dir::{Remains, Unfinished},
    store::{Left, Made},
};
use ck_core::model::Leader;
use ck_protocol::{SessionId, SessionRef};
use std::time::{Duration, Instant};

/// How long after leaders could not be watched that is tried again.
const PAUSE: Duration = Duration::from_secs(5);

impl Server {
    /// Keeps the sessions whose leader lives, ends the others, and retires the directories in
    /// which no session lives. The registry has the sessions already.
    pub(super) fn take_over(&mut self, left: &Left, unfinished: Unfinished) {
        self.resume(unfinished);
        self.linger_again();
        self.unwatched = self.registry.from(SessionId::new(0)).map(|record| record.session.id).collect();
        self.watch_again();
        self.retire_abandoned(left);
        // Not before: a broker that is started after a crash in between would know of no such record, and
        // retire the directory of its session.
        self.set_aside(left);
        let (sessions, users) = (self.registry.sessions(), self.registry.users());
        log::info!("serving {sessions} sessions of {users} users");
    }

    /// Watches the leaders that are not watched yet, and ends the sessions of those that are dead. One
    /// that cannot be watched is tried again later: better a session whose end is seen late than a
    /// directory taken from one that lives.
    pub(super) fn watch_again(&mut self) {
        let mut failed = None;
        for id in std::mem::take(&mut self.unwatched) {
            let Some(record) = self.registry.get(id) else { continue };
            let (pid, started, inode) =
                (record.session.leader_pid, record.leader_started, record.leader_inode);
            let leader = Leader { pid, started, inode };
            match process::again(leader) {
                Ok(None) => self.end_late(id),
                Ok(Some(pidfd)) => {
                    if let Err(error) = self.watch_leader(id, pidfd) {
                        failed = Some(error);
                        self.unwatched.push(id);
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    self.unwatched.push(id);
                }
            }
        }
        self.watch_due = failed.map(|error| {
            let count = self.unwatched.len();
            log::error!("leaders of {count} sessions cannot be watched: {error}; trying again");
            Instant::now() + PAUSE
        });
    }

    /// Ends a session that has ended some time ago, when nobody looked.
    fn end_late(&mut self, id: SessionId) {
        self.history.is_late = true;
        self.end(SessionRef::Id(id));
        self.history.is_late = false;
    }

    /// Queues what an earlier broker retired and did not see torn down. Plain directories that are claimed are none of that: they are
    /// in use, or have just been queued.
    pub(super) fn resume(&mut self, unfinished: Unfinished) {
        let now = Instant::now();
        let is_claimed = |remains: &Remains| match self.store.made(remains.uid) {
            Some(Made::Plain(path)) => path.starts_with(&remains.name),
            _ => false,
        };
        let (_, left): (Vec<_>, Vec<_>) = unfinished.entries.into_iter().partition(is_claimed);
        for remains in left {
            self.jobs.push(remains, None, now);
        }
        if unfinished.to_sweep {
            self.jobs.note_to_sweep(now);
        }
    }

    fn set_aside(&self, left: &Left) {
        for record in &left.unreadable {
            match self.store.set_aside(record) {
                Ok(aside) => log::error!("{record}; set aside as {}", aside.display()),
                Err(error) => log::error!("{record}; {error}"),
            }
        }
    }

    fn retire_abandoned(&mut self, left: &Left) {
        for &uid in &left.users {
            if self.registry.has_runtime_dir(uid) || !self.store.claims(uid) {
                continue;
            }
            if left.unreadable.is_empty() {
                // What stands in the way is kept with it.
                let _ = self.retire(uid);
            } else {
                // A record that cannot be read may be of a session that lives in it.
                log::warn!("{}: left in place, as a session may use it", self.root.of(uid).display());
                self.disclaim(uid);
            }
        }
    }
}
