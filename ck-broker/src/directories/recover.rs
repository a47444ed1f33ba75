//! Takes over the directories of an earlier broker.

use super::{
    Directories, DirectoryKind,
    runtime_dir::{Residue, Unfinished},
};
use std::time::Instant;

impl Directories {
    /// Queues the teardowns that an earlier broker did not finish.
    ///
    /// Two kinds of entries are skipped. A claimed plain directory is in use, or was queued a moment ago. A plain
    /// directory without a claim that is mounted in the runtime root was left there, because a session may use it.
    pub(crate) fn resume(&mut self, unfinished: Unfinished) {
        let now = Instant::now();
        let is_used = |residue: &Residue| match self.claims.kind(residue.uid) {
            Some(DirectoryKind::Plain(path)) => path.starts_with(&residue.name),
            Some(DirectoryKind::Tmpfs(_)) => false,
            None => !self.claims.contains(residue.uid) && self.root.is_in_place(residue),
        };
        let left: Vec<_> = unfinished.entries.into_iter().filter(|residue| !is_used(residue)).collect();
        for residue in left {
            self.teardowns.push(residue, None, now);
        }
        // Every start leaves the sockets of the broker before among what is swept.
        self.teardowns.schedule_all_sweeps(now);
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
                self.remove_claim(uid);
            }
        }
    }
}
