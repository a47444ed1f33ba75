//! Takes over the directories of an earlier broker.

use super::{
    Directories, Made,
    runtime_dir::{Remains, Unfinished},
};
use std::time::Instant;

impl Directories {
    /// Queues the teardowns that an earlier broker did not finish.
    ///
    /// Two kinds of entries are skipped. A claimed plain directory is in use, or was queued a moment ago. A plain
    /// directory without a claim that is mounted in the runtime root was left there, because a session may use it.
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

    /// Retires the directories of an earlier broker that no session uses. `are_all_known`: every session record could
    /// be read.
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
