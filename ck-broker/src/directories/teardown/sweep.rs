//! Sweeps: each removes all unused mount points in one directory. A sweep starts some time after the first of them
//! appears, so that a logout does not have to start a process.

use super::{Remover, Worker, worker::Exit};
use std::{
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
    time::{Duration, Instant},
};

/// The time between the first unused mount point and the sweep.
const DELAY: Duration = Duration::from_secs(1);
/// The longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The unused mount points in one directory.
#[derive(Debug)]
pub(super) struct Sweep {
    directory: PathBuf,
    /// The time of the next sweep. `None`: there are no unused mount points.
    due: Option<Instant>,
    pause: Duration,
    worker: Option<Worker>,
    /// Why the last sweep did not remove all of them.
    reason: Option<String>,
}

impl Sweep {
    pub(super) fn of(directory: PathBuf) -> Self {
        Self { directory, due: None, pause: DELAY, worker: None, reason: None }
    }

    /// Schedules a sweep.
    pub(super) fn schedule(&mut self, now: Instant) {
        self.due = self.due.or(Some(now + DELAY));
    }

    /// Starts the process if it is due. Returns its pidfd.
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

    /// Handles the end of the process, if it has ended.
    pub(super) fn reap(&mut self, now: Instant) {
        let Some(outcome) = self.worker.as_mut().and_then(Worker::outcome) else { return };
        let reason = self.worker.take().and_then(|worker| worker.log_output());
        if outcome == Exit::Gone {
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

    /// Kills the process if it takes too long. No other sweep starts before it has ended.
    pub(super) fn expire_overdue(&mut self, now: Instant) {
        if self.worker.as_ref().and_then(Worker::deadline).is_none_or(|due| due > now) {
            return;
        }
        // If it could not be watched, it may have ended unnoticed.
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

    /// The problem for the administrator, if there is one.
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
