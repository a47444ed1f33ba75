//! One teardown, from its logout until nothing is left.

use super::{Remover, SpawnError, Worker, worker::Outcome};
use crate::{process, runtime_dir::Remains, sys::Expired};
use ck_protocol::{Pid, Teardown, TeardownDetail, TeardownId, TeardownState, Text, Timestamp, Uid};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// How long after a failed try the next one comes; after the last, nobody tries any more.
const PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16)];
/// The longest time between two tries that fail for what the machine lacks. They go on without end.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// Where a teardown is in its life.
#[derive(Debug)]
pub enum Phase {
    /// It is due at this time.
    Waiting(Instant),
    /// This worker is at it.
    Running(Worker),
    /// Given up.
    Quarantined,
    /// Not even SIGKILL has ended this process.
    Abandoned(Hung),
}

/// A process that hangs in the kernel.
#[derive(Debug)]
pub enum Hung {
    /// A worker.
    Worker(Worker),
    /// What a worker has started and left behind, and which tells when it ends.
    Child(Pid, OwnedFd),
}

impl Hung {
    fn pid(&self) -> i32 {
        match self {
            Self::Worker(worker) => worker.pid(),
            Self::Child(pid, _) => pid.get(),
        }
    }
}

impl AsFd for Hung {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Worker(worker) => worker.as_fd(),
            Self::Child(_, pidfd) => pidfd.as_fd(),
        }
    }
}

/// How a try ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// Nothing is left.
    Gone,
    /// Something is, for this reason.
    Failed(Option<String>),
    /// Something is, but another try will come further: the machine had no room for it, or the time was over while it went well.
    Hindered(Option<String>),
    /// A process hangs in it, and is to be watched.
    Abandoned,
}

/// A teardown.
#[derive(Debug)]
pub struct Job {
    pub(super) remains: Remains,
    /// What it held when its user left, in bytes, where that is known.
    pub(super) bytes: Option<u64>,
    /// When its user left, or a broker found it.
    since: Timestamp,
    /// The same by a clock that nobody sets.
    pub(super) queued: Instant,
    failures: usize,
    /// How long the next pause is after a try that was hindered.
    pause: Duration,
    reason: Option<String>,
    pub(super) phase: Phase,
}

impl Job {
    pub(super) fn new(remains: Remains, bytes: Option<u64>, now: Instant) -> Self {
        let since = SystemTime::now().into();
        let phase = Phase::Waiting(now);
        Self { remains, bytes, since, queued: now, failures: 0, pause: PAUSES[0], reason: None, phase }
    }

    /// Whose it is.
    #[must_use]
    pub fn uid(&self) -> Uid {
        self.remains.uid
    }

    pub(super) fn state(&self) -> TeardownState {
        match self.phase {
            Phase::Waiting(_) => TeardownState::Waiting,
            Phase::Running(_) => TeardownState::Running,
            Phase::Quarantined => TeardownState::Quarantined,
            Phase::Abandoned(_) => TeardownState::Abandoned,
        }
    }

    /// As others may see it; `retired` is the directory of the retired.
    #[must_use]
    pub fn shown(&self, id: TeardownId, retired: &Path) -> Teardown {
        let next_try = match self.phase {
            Phase::Waiting(due) if self.reason.is_some() => Some(due),
            _ => None,
        };
        Teardown {
            id,
            uid: self.uid(),
            path: Text::clipped(&self.remains.path(retired).to_string_lossy()),
            state: self.state(),
            failures: u32::try_from(self.failures).unwrap_or(u32::MAX),
            next_try: next_try.map(on_the_clock),
            reason: self.reason.as_deref().map(Text::clipped),
        }
    }

    /// The same with all that is known of it.
    #[must_use]
    pub fn detail(&self, id: TeardownId, retired: &Path) -> TeardownDetail {
        TeardownDetail { teardown: self.shown(id, retired), bytes: self.bytes, since: self.since }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Waiting(due) if due <= now)
    }

    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        matches!(&self.phase, Phase::Running(worker) if worker.deadline().is_some_and(|due| due <= now))
    }

    /// What tells that its process has ended.
    pub(super) fn process(&self) -> Option<BorrowedFd<'_>> {
        match &self.phase {
            Phase::Running(worker) => Some(worker.as_fd()),
            Phase::Abandoned(hung) => Some(hung.as_fd()),
            Phase::Waiting(_) | Phase::Quarantined => None,
        }
    }

    pub(super) fn start(
        &mut self,
        remover: &Remover,
        retired: &Path,
        now: Instant,
    ) -> Result<(), SpawnError> {
        let worker = remover.remove(self.uid(), &self.remains.path(retired), now)?;
        self.phase = Phase::Running(worker);
        Ok(())
    }

    /// How the try ended, if it has.
    pub(super) fn take_outcome(&mut self) -> Option<Ended> {
        let worker = match &mut self.phase {
            Phase::Running(worker) | Phase::Abandoned(Hung::Worker(worker)) => worker,
            Phase::Abandoned(Hung::Child(_, pidfd)) => {
                // The next try finds out what there is.
                return process::has_ended(pidfd).unwrap_or(true).then_some(Ended::Hindered(None));
            }
            Phase::Waiting(_) | Phase::Quarantined => return None,
        };
        let outcome = worker.outcome()?;
        let reason = worker.complaints();
        Some(match outcome {
            Outcome::Gone => Ended::Gone,
            Outcome::Failed => Ended::Failed(reason),
            Outcome::Hindered => Ended::Hindered(reason),
            Outcome::LeftBehind => match reason.as_deref().and_then(child_of).and_then(watched) {
                Some((pid, pidfd)) => self.abandon(Hung::Child(pid, pidfd)),
                // It has ended since.
                None => Ended::Hindered(reason),
            },
        })
    }

    /// Kills the worker, if its time is over; one that was killed already is waited for no longer.
    pub(super) fn kill_or_abandon(&mut self, now: Instant) {
        let Phase::Running(worker) = &mut self.phase else { return };
        match worker.expire(now) {
            None => return,
            Some(Expired::Terminated | Expired::Killed) => {
                return log::warn!("teardown of {}: took too long, killed", self.remains.name.display());
            }
            Some(Expired::Hangs) => {}
        }
        if let Phase::Running(worker) = std::mem::replace(&mut self.phase, Phase::Quarantined) {
            self.abandon(Hung::Worker(worker));
        }
    }

    fn abandon(&mut self, hung: Hung) -> Ended {
        let pid = hung.pid();
        log::error!(
            "teardown of {}: process {pid} hangs in the kernel, abandoned: what holds it is a process of uid {}",
            self.remains.name.display(),
            self.uid()
        );
        self.reason = Some(format!("process {pid} hangs in the kernel"));
        self.phase = Phase::Abandoned(hung);
        Ended::Abandoned
    }

    /// Takes note of a failed try. Says whether it was the last one.
    pub(super) fn fail(&mut self, reason: Option<String>, now: Instant) -> bool {
        self.reason = reason;
        self.remains.is_mounted = false;
        let pause = PAUSES.get(self.failures);
        self.failures += 1;
        match pause {
            Some(pause) => self.phase = Phase::Waiting(now + *pause),
            None => {
                log::error!(
                    "teardown of {} given up after {} tries: see `ckctl teardown list`, and `ckctl teardown retry`",
                    self.remains.name.display(),
                    self.failures
                );
                self.phase = Phase::Quarantined;
            }
        }
        pause.is_none()
    }

    /// Has it tried again after a while, however often: what hindered it is none of its own.
    pub(super) fn hinder(&mut self, reason: Option<String>, now: Instant) {
        self.reason = reason.or(self.reason.take());
        self.remains.is_mounted = false;
        self.phase = Phase::Waiting(now + self.pause);
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
    }

    /// Forgets all failures: somebody asks for another try.
    pub(super) fn wait_anew(&mut self, now: Instant) {
        self.failures = 0;
        self.pause = PAUSES[0];
        self.phase = Phase::Waiting(now);
    }
}

/// The number in the remover's complaint `PATH: child PID hangs in the kernel and is left behind`.
fn child_of(complaint: &str) -> Option<Pid> {
    let (_, rest) = complaint.rsplit_once(": child ")?;
    let (number, _) = rest.split_once(' ')?;
    Pid::try_from(number.parse::<i32>().ok()?).ok()
}

/// The process with what tells its end; `None` where it has ended.
fn watched(pid: Pid) -> Option<(Pid, OwnedFd)> {
    Some((pid, process::by_pid(pid).ok()?))
}

/// The time of day at `due`.
fn on_the_clock(due: Instant) -> Timestamp {
    (SystemTime::now() + due.saturating_duration_since(Instant::now())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remover_says_which_child_it_left_behind() {
        let said =
            "/run/user/.ck-retired/2001-7/a: child 1/d: child 4711 hangs in the kernel and is left behind";
        assert_eq!(child_of(said).map(Pid::get), Some(4711));
        for other in ["", "/x: child ", "/x: child y hangs", "/x: child -1 hangs", "child 5 hangs"] {
            assert_eq!(child_of(other), None, "{other}");
        }
    }
}
