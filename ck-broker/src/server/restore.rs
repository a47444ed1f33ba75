//! Taking over from an earlier broker on the same state directory.

use super::Server;
use crate::{process, registry::Leader, runtime_dir::Remains, store::Left};
use ck_protocol::{SessionRef, Uid};
use std::path::PathBuf;

impl Server {
    /// Keeps the sessions whose leader lives, ends the others, and retires the directories in
    /// which no session lives. The registry has the sessions already.
    pub(super) fn take_over(&mut self, left: &Left) {
        let mut dead = Vec::new();
        for entry in &left.sessions {
            let (pid, started, inode) = (entry.session.leader_pid, entry.leader_started, entry.leader_inode);
            let leader = Leader { pid, started, inode };
            match process::again(leader) {
                Some(pidfd) => self.watch_leader(entry.session.id, pidfd),
                None => dead.push(entry.session.id),
            }
        }
        for id in dead {
            self.end(SessionRef::Id(id));
        }
        self.retire_abandoned(left);
        // Not before: a broker that is started after a crash in between would know of no such record, and
        // retire the directory of its session.
        self.set_aside(left);
        let (sessions, users) = (self.registry.sessions(), self.registry.users());
        log::info!("serving {sessions} sessions of {users} users");
    }

    /// Queues what an earlier broker retired and did not see torn down.
    pub fn resume(&mut self, retired: Vec<(Uid, PathBuf)>) {
        for (uid, path) in retired {
            self.queue(uid, path.clone(), Remains::Moved(path));
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
                self.retire(uid);
            } else {
                // A record that cannot be read may be of a session that lives in it.
                log::warn!("{}: left in place, as a session may use it", self.root.of(uid).display());
                self.disclaim(uid);
            }
        }
    }
}
