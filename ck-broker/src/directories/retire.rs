//! Retires the directories of users who have left, and retries where that fails.

use super::{
    Directories, DirectoryKind,
    runtime_dir::{Residue, RetireOutcome, Task},
};
use crate::{places::user_dirs::BEFORE, poller::Token};
use ck_protocol::Uid;
use std::time::{Duration, Instant};

/// The time before the first retry. It is doubled for each further retry.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest time between two retries.
const LONGEST_RETRY: Duration = Duration::from_secs(3600);

/// A directory that could not be retired.
#[derive(Clone, Debug)]
pub(super) struct Stuck {
    /// The time of the next retry.
    pub(super) due: Instant,
    pause: Duration,
    /// The reason; empty if retiring is only unfinished.
    pub(super) reason: String,
}

impl Stuck {
    /// True if it is reported to the administrator.
    pub(super) fn is_problem(&self) -> bool {
        !self.reason.is_empty()
    }
}

impl Directories {
    /// Retires the runtime directory of the user and queues its teardown. If that fails, the claim is kept, and
    /// retiring is retried after a while, at the next login and at the next start.
    ///
    /// # Errors
    /// The reason as one line.
    pub(crate) fn retire(&mut self, uid: Uid) -> Result<(), String> {
        self.in_use.remove(&uid);
        let mut retired = RetireOutcome::default();
        let done = self.root.retire(uid, self.claims.kind(uid), &mut retired);
        let now = Instant::now();
        for (residue, bytes) in retired.residue {
            self.teardowns.push(residue, bytes, now);
        }
        if retired.freed {
            self.teardowns.note_freed(uid, now);
        }
        if retired.to_sweep {
            self.teardowns.schedule_sweep(now);
        }
        match done {
            Ok(()) if retired.is_unfinished => {
                // The rest follows in the next round of the loop.
                self.stuck.insert(uid, Stuck { due: now, pause: FIRST_RETRY, reason: String::new() });
                Err("many file systems are mounted on it and are still being detached".to_owned())
            }
            Ok(()) => {
                self.stuck.remove(&uid);
                self.remove_claim(uid);
                Ok(())
            }
            Err(error) => {
                log::error!("{error}");
                self.watch_blocked();
                self.mark_stuck(uid, error.to_string());
                Err(error.to_string())
            }
        }
    }

    /// Removes the runtime root of an earlier release once nothing in it is in use or waits for its teardown.
    pub(super) fn tend_earlier_release(&mut self) {
        let is_in_it =
            |made: &DirectoryKind| matches!(made, DirectoryKind::Plain(path) if path.starts_with(BEFORE));
        if !self.root.has_earlier_root() || self.teardowns.any_in(BEFORE) || self.claims.kinds().any(is_in_it)
        {
            return;
        }
        match self.root.release_earlier_root() {
            Ok(()) => self.teardowns.schedule_sweep(Instant::now()),
            Err(errno) => log::warn!("cannot remove the runtime root of an earlier release: {errno}"),
        }
    }

    /// Watches the processes that are blocked in the runtime root.
    pub(super) fn watch_blocked(&mut self) {
        let poller = &self.poller;
        self.root.watch_blocked(|process| poller.watch_once(process, Token::Unblocked));
    }

    /// Handles the blocked processes that have ended: each may have done its task after the broker had stopped waiting.
    pub(super) fn handle_unblocked(&mut self) {
        for task in self.root.take_unblocked() {
            match task {
                Task::Make(uid, _) if !self.in_use.contains(&uid) && self.claims.contains(uid) => {
                    // An error is logged, and kept in `stuck`.
                    let _ = self.retire(uid);
                }
                Task::Make(..) => {}
                Task::Retire(uid, number) => {
                    let residue = Residue { uid, name: format!("{uid}-{number}").into(), is_mounted: false };
                    self.teardowns.push(residue, None, Instant::now());
                    self.teardowns.schedule_sweep(Instant::now());
                }
            }
        }
    }

    /// Retries the directories that are due.
    pub(super) fn retire_stuck(&mut self, now: Instant) {
        let due = self.stuck.iter().filter(|(_, stuck)| stuck.due <= now).map(|(&uid, _)| uid);
        for uid in due.collect::<Vec<_>>() {
            if self.in_use.contains(&uid) || !self.claims.contains(uid) {
                self.stuck.remove(&uid);
            } else {
                // An error is logged, and kept in `stuck`.
                let _ = self.retire(uid);
            }
        }
    }

    fn mark_stuck(&mut self, uid: Uid, reason: String) {
        let doubled = |stuck: &Stuck| LONGEST_RETRY.min(stuck.pause * 2);
        let before = self.stuck.get(&uid).filter(|stuck| stuck.is_problem());
        let pause = before.map_or(FIRST_RETRY, doubled);
        self.stuck.insert(uid, Stuck { due: Instant::now() + pause, pause, reason });
    }

    pub(super) fn remove_claim(&mut self, uid: Uid) {
        if let Err(error) = self.claims.remove(uid) {
            log::error!("{error}");
        }
    }
}
