//! One teardown, from its logout until nothing is left.

use super::{Remover, SpawnError, Worker};
use crate::runtime_dir::Remains;
use ck_protocol::{Teardown, TeardownId, TeardownState, Text, Timestamp, Uid};
use std::{
    path::PathBuf,
    time::{Duration, Instant, SystemTime},
};

/// How long after a failed try the next one comes; after the last, nobody tries any more.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];

/// Where a teardown is in its life.
#[derive(Debug)]
pub enum Phase {
    /// It is due at this time.
    Waiting(Instant),
    /// This worker is at it.
    Running(Worker),
    /// Given up.
    Quarantined,
    /// This worker was killed, and has not ended.
    Abandoned(Worker),
}

/// How a worker ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nothing is left.
    Gone,
    /// Something is, for this reason.
    Failed(Option<String>),
}

/// A teardown.
#[derive(Debug)]
pub struct Job {
    pub(super) uid: Uid,
    /// Where its user knew it.
    name: PathBuf,
    /// What is to be torn down; `None` for a file system whose worker holds it alone.
    remains: Option<Remains>,
    failures: usize,
    reason: Option<String>,
    pub(super) phase: Phase,
}

impl Job {
    pub(super) fn new(uid: Uid, name: PathBuf, remains: Remains, now: Instant) -> Self {
        Self { uid, name, remains: Some(remains), failures: 0, reason: None, phase: Phase::Waiting(now) }
    }

    pub(super) fn state(&self) -> TeardownState {
        match self.phase {
            Phase::Waiting(_) => TeardownState::Waiting,
            Phase::Running(_) => TeardownState::Running,
            Phase::Quarantined => TeardownState::Quarantined,
            Phase::Abandoned(_) => TeardownState::Abandoned,
        }
    }

    /// As others may see it.
    #[must_use]
    pub fn shown(&self, id: TeardownId) -> Teardown {
        let path = match &self.remains {
            Some(Remains::Moved(path)) => path,
            _ => &self.name,
        };
        let next_try = match self.phase {
            Phase::Waiting(due) if self.failures > 0 => Some(due),
            _ => None,
        };
        Teardown {
            id,
            uid: self.uid,
            path: Text::clipped(&path.to_string_lossy()),
            state: self.state(),
            failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
            next_try: next_try.map(on_the_clock),
            reason: self.reason.as_deref().map(Text::clipped),
        }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Waiting(due) if due <= now)
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Running(worker) if worker.deadline() <= now)
    }

    pub(super) fn worker(&self) -> Option<&Worker> {
        match &self.phase {
            Phase::Running(worker) | Phase::Abandoned(worker) => Some(worker),
            Phase::Waiting(_) | Phase::Quarantined => None,
        }
    }

    /// Starts a worker. The descriptor of a detached file system is then the worker's alone: its last
    /// holder pays for freeing it, 390 ms for 200,000 files, and that must not be the broker.
    pub(super) fn start(&mut self, remover: &Remover, now: Instant) -> Result<(), SpawnError> {
        let worker = match &self.remains {
            Some(Remains::Detached(descriptor)) => remover.empty(self.uid, &self.name, descriptor, now)?,
            Some(Remains::Moved(path)) => remover.remove(self.uid, path, now)?,
            // Its only holder has ended, so there is nothing to try again.
            None => {
                self.phase = Phase::Quarantined;
                return Ok(());
            }
        };
        if matches!(self.remains, Some(Remains::Detached(_))) {
            self.remains = None;
        }
        self.phase = Phase::Running(worker);
        Ok(())
    }

    /// How the worker ended, if it has.
    pub(super) fn take_outcome(&mut self) -> Option<Ended> {
        let (Phase::Running(worker) | Phase::Abandoned(worker)) = &mut self.phase else { return None };
        let success = worker.outcome()?;
        let reason = worker.complaints();
        // Nobody holds a detached file system any more but processes of the user's.
        if success || self.remains.is_none() { Some(Ended::Gone) } else { Some(Ended::Failed(reason)) }
    }

    /// Kills the worker; one that was killed already is waited for no longer.
    pub(super) fn kill_or_abandon(&mut self, now: Instant) {
        let Phase::Running(worker) = &mut self.phase else { return };
        let path = self.name.display();
        if worker.kill(now) {
            return log::warn!("teardown of {path}: took too long, killed");
        }
        log::error!("teardown of {path}: worker {} hangs in the kernel, abandoned", worker.pid());
        self.reason = Some(format!("worker {} hangs in the kernel", worker.pid()));
        if let Phase::Running(worker) = std::mem::replace(&mut self.phase, Phase::Quarantined) {
            self.phase = Phase::Abandoned(worker);
        }
    }

    /// Takes note of a failed try. Says whether it was the last one.
    pub(super) fn fail(&mut self, reason: Option<String>, now: Instant) -> bool {
        self.reason = reason;
        let pause = PAUSES.get(self.failures);
        self.failures += 1;
        match pause {
            Some(pause) => self.phase = Phase::Waiting(now + *pause),
            None => {
                log::error!(
                    "teardown of {} given up after {} tries: see `ckctl teardown list`, and `ckctl teardown retry`",
                    self.name.display(),
                    self.failures
                );
                self.phase = Phase::Quarantined;
            }
        }
        pause.is_none()
    }

    /// Forgets all failures: somebody asks for another try.
    pub(super) fn wait_anew(&mut self, now: Instant) {
        self.failures = 0;
        self.phase = Phase::Waiting(now);
    }
}

/// The time of day at `due`.
fn on_the_clock(due: Instant) -> Timestamp {
    (SystemTime::now() + due.saturating_duration_since(Instant::now())).into()
}
