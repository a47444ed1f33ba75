//! Sweeping away mount points that nobody needs any more: by one process for all of a directory, some time after there are
//! any, so that a logout need not start one.

use super::{Remover, Worker, worker::Outcome};
use std::{
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
    time::{Duration, Instant},
};

/// How long after the first one they are swept away.
const DELAY: Duration = Duration::from_secs(1);
/// The longest time between two tries where something stays.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The mount points in one directory.
#[derive(Debug)]
pub(super) struct Sweep {
    directory: PathBuf,
    /// When they are swept away, if there are any.
    due: Option<Instant>,
    pause: Duration,
    worker: Option<Worker>,
    /// Why some have stayed.
    reason: Option<String>,
}

impl Sweep {
    pub(super) fn of(directory: PathBuf) -> Self {
        Self { directory, due: None, pause: DELAY, worker: None, reason: None }
    }

    /// There are some.
    pub(super) fn note(&mut self, now: Instant) {
        self.due = self.due.or(Some(now + DELAY));
    }

    /// Starts the process if it is due. Returns what tells its end.
    pub(super) fn start(&mut self, remover: &Remover, now: Instant) -> Option<BorrowedFd<'_>> {
        if self.worker.is_some() || self.due.is_none_or(|due| due > now) {
            return None;
        }
        match remover.sweep(&self.directory, now) {
            Ok(worker) => {
                self.due = None;
                self.worker = Some(worker);
                self.worker.as_ref().map(AsFd::as_fd)
            }
            Err(error) => {
                log::error!("{error}");
                self.try_again(Some(error.to_string()), now);
                None
            }
        }
    }

    /// Sees whether the process has ended.
    pub(super) fn reap(&mut self, now: Instant) {
        let Some(outcome) = self.worker.as_mut().and_then(Worker::outcome) else { return };
        let reason = self.worker.take().and_then(|worker| worker.complaints());
        if outcome == Outcome::Gone {
            self.pause = DELAY;
            self.reason = None;
        } else {
            self.try_again(reason, now);
        }
    }

    fn try_again(&mut self, reason: Option<String>, now: Instant) {
        self.reason = reason;
        self.due = Some(now + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
    }

    /// Kills a process that takes too long. There is no other one until it has ended.
    pub(super) fn tend_overdue(&mut self, now: Instant) {
        if self.worker.as_ref().and_then(Worker::deadline).is_none_or(|due| due > now) {
            return;
        }
        // It may have ended unnoticed, if it could not be watched.
        self.reap(now);
        if let Some(worker) = &mut self.worker {
            worker.expire(now);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match &self.worker {
            Some(worker) => worker.deadline(),
            None => self.due,
        }
    }

    /// What somebody should look at.
    pub(super) fn problem(&self) -> Option<String> {
        let hangs = self
            .worker
            .as_ref()
            .filter(|worker| worker.was_killed())
            .map(|worker| format!("process {} hangs in the kernel", worker.pid()));
        let why = hangs.or_else(|| self.reason.clone())?;
        Some(format!("mount points in {} cannot be removed: {why}", self.directory.display()))
    }
}
