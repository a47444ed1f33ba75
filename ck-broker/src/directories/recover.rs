//! What an earlier broker has left.

use super::{
    Directories, Made,
    runtime_dir::{Remains, Unfinished},
};
use std::time::Instant;

impl Directories {
    /// Queues what an earlier broker retired and did not see torn down.
    ///
    /// Two kinds of entries are none of that. A plain directory that is claimed is in use, or has just been queued. One that nobody
    /// claims and that is in its place was left there, as a session may use it.
    pub(crate) fn resume(&mut self, unfinished: Unfinished) {
        let now = Instant::now();
        let is_used = |remains: &Remains| match self.claims.made(remains.uid) {
            Some(Made::Plain(path)) => path.starts_with(&remains.name),
            Some(Made::Tmpfs(_)) => false,
            None => !self.claims.hold(remains.uid) && self.root.is_in_place(remains),
        };
        let left: Vec<_> = unfinished.entries.into_iter().filter(|remains| !is_used(remains)).collect();
        for remains in left {
            self.teardowns.push(remains, None, now);
        }
        if unfinished.to_sweep {
            self.teardowns.note_to_sweep(now);
        }
    }

    /// Retires the directories of an earlier broker in which no session lives. `are_all_known`: every session record could be read.
    pub(crate) fn retire_abandoned(&mut self, are_all_known: bool) {
        for uid in self.claims.uids() {
            if self.in_use.contains(&uid) {
                continue;
            }
            if are_all_known {
                // An error is logged, and kept in `stuck`.
                let _ = self.retire(uid);
            } else {
                log::warn!("{}: left in place, as a session may use it", self.root.of(uid).display());
                self.disclaim(uid);
            }
        }
    }
}
