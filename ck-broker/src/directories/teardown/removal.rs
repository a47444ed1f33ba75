//! The process that works at a teardown.

use super::{Remover, SpawnError, Worker, worker::Exit};
use crate::{directories::runtime_dir::Residue, process, sys::Expired};
use ck_protocol::{Pid, Timestamp};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{Instant, SystemTime},
};

/// The process that works at a teardown.
#[derive(Debug)]
enum Process {
    /// The worker of a running teardown.
    Worker(Worker),
    /// A process that SIGKILL has not ended. The teardown is abandoned.
    Hung(HungProcess),
}

/// A process that hangs in the kernel.
#[derive(Debug)]
enum HungProcess {
    /// A worker.
    Worker(Worker),
    /// A child that a worker has left behind, and its pidfd.
    Child(Pid, OwnedFd),
}

impl HungProcess {
    fn pid(&self) -> i32 {
        match self {
            Self::Worker(worker) => worker.pid(),
            Self::Child(pid, _) => pid.get(),
        }
    }
}

impl AsFd for HungProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Worker(worker) => worker.as_fd(),
            Self::Child(_, pidfd) => pidfd.as_fd(),
        }
    }
}

/// How a try ended.
#[derive(Debug)]
pub(super) enum TryResult {
    /// Everything was removed.
    Gone,
    /// Something was not removed, for this reason.
    Failed(Option<String>),
    /// Something was not removed, but another try will get further: the machine lacked resources, or the time was over
    /// while the removal made progress.
    Hindered(Option<String>),
    /// A process hangs in the kernel and has to be watched. The text contains its pid.
    Abandoned(String),
}

/// The state that the broker keeps with each teardown.
#[derive(Debug)]
pub struct Removal {
    pub(super) residue: Residue,
    /// The time at which its user left, or at which a broker found it.
    pub(super) since: Timestamp,
    /// The same time, to measure by.
    pub(super) queued: Instant,
    process: Option<Process>,
}

impl Removal {
    pub(super) fn new(residue: Residue, now: Instant) -> Self {
        Self { residue, since: SystemTime::now().into(), queued: now, process: None }
    }

    /// The time limit of the worker, if one runs.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.process {
            Some(Process::Worker(worker)) => worker.deadline(),
            Some(Process::Hung(_)) | None => None,
        }
    }

    /// The pidfd of its process: readable once it has ended.
    pub(super) fn process(&self) -> Option<BorrowedFd<'_>> {
        Some(match self.process.as_ref()? {
            Process::Worker(worker) => worker.as_fd(),
            Process::Hung(hung) => hung.as_fd(),
        })
    }

    pub(super) fn start(
        &mut self,
        remover: &Remover,
        retired: &Path,
        now: Instant,
    ) -> Result<(), SpawnError> {
        let worker = remover.remove(self.residue.uid, &self.residue.path(retired), now)?;
        self.process = Some(Process::Worker(worker));
        Ok(())
    }

    /// How the try ended, if it has.
    pub(super) fn take_outcome(&mut self) -> Option<TryResult> {
        let worker = match self.process.as_mut()? {
            Process::Worker(worker) | Process::Hung(HungProcess::Worker(worker)) => worker,
            Process::Hung(HungProcess::Child(_, pidfd)) => {
                if !process::has_ended(pidfd).unwrap_or(true) {
                    return None;
                }
                self.process = None;
                // The next try finds out what is left.
                return Some(TryResult::Hindered(None));
            }
        };
        let outcome = worker.outcome()?;
        let reason = worker.log_output();
        self.process = None;
        Some(match outcome {
            Exit::Gone => TryResult::Gone,
            Exit::Failed => TryResult::Failed(reason),
            Exit::Hindered => TryResult::Hindered(reason),
            Exit::LeftBehind => match reason.as_deref().and_then(child_of).and_then(watched) {
                Some((pid, pidfd)) => TryResult::Abandoned(self.abandon(HungProcess::Child(pid, pidfd))),
                // The child has ended meanwhile.
                None => TryResult::Hindered(reason),
            },
        })
    }

    /// Kills the worker if its time is over. If it was killed before, abandons it and returns the reason.
    pub(super) fn kill_or_abandon(&mut self, now: Instant) -> Option<String> {
        let Some(Process::Worker(worker)) = &mut self.process else { return None };
        match worker.expire(now)? {
            Expired::Terminated | Expired::Killed => {
                log::warn!("teardown of {}: took too long, killed", self.residue.name.display());
                None
            }
            Expired::Hangs => self.abandon_worker(),
        }
    }

    /// Abandons the worker. Returns the reason.
    pub(super) fn abandon_worker(&mut self) -> Option<String> {
        match self.process.take() {
            Some(Process::Worker(worker)) => Some(self.abandon(HungProcess::Worker(worker))),
            other => {
                self.process = other;
                None
            }
        }
    }

    fn abandon(&mut self, hung: HungProcess) -> String {
        let pid = hung.pid();
        log::error!(
            "teardown of {}: process {pid} hangs in the kernel, abandoned: a process of uid {} holds it",
            self.residue.name.display(),
            self.residue.uid
        );
        self.process = Some(Process::Hung(hung));
        format!("process {pid} hangs in the kernel")
    }
}

/// The pid in the message of the remover: `PATH: child PID hangs in the kernel and is left behind`.
fn child_of(complaint: &str) -> Option<Pid> {
    let (_, rest) = complaint.rsplit_once(": child ")?;
    let (number, _) = rest.split_once(' ')?;
    Pid::try_from(number.parse::<i32>().ok()?).ok()
}

/// The process with its pidfd. `None` if it has ended.
fn watched(pid: Pid) -> Option<(Pid, OwnedFd)> {
    Some((pid, process::by_pid(pid).ok()?))
}

/// Converts `due` to the wall clock.
pub(super) fn on_the_clock(due: Instant) -> Timestamp {
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
