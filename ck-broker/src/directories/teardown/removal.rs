//! The process that works at a teardown.

use super::{Remover, SpawnError, Worker, worker::Outcome};
use crate::{directories::runtime_dir::Remains, process, sys::Expired};
use ck_protocol::{Pid, Timestamp};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{Instant, SystemTime},
};

/// The process that works at a teardown.
#[derive(Debug)]
enum Process {
    /// A worker, while the teardown runs.
    Worker(Worker),
    /// Not even SIGKILL has ended this one. The teardown is abandoned.
    Hung(Hung),
}

/// A process that hangs in the kernel.
#[derive(Debug)]
enum Hung {
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
    /// Something is left, for this reason.
    Failed(Option<String>),
    /// Something is left, but another try will come further: the machine had no room for it, or it was over its time
    /// while it went well.
    Hindered(Option<String>),
    /// A process hangs in the kernel, and is to be watched. The reason names it.
    Abandoned(String),
}

/// What the broker keeps with a teardown.
#[derive(Debug)]
pub struct Removal {
    pub(super) remains: Remains,
    /// When its user left, or a broker found it.
    pub(super) since: Timestamp,
    process: Option<Process>,
}

impl Removal {
    pub(super) fn new(remains: Remains) -> Self {
        Self { remains, since: SystemTime::now().into(), process: None }
    }

    /// When the worker is to be seen to, if one runs.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.process {
            Some(Process::Worker(worker)) => worker.deadline(),
            Some(Process::Hung(_)) | None => None,
        }
    }

    /// What tells that its process has ended.
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
        let worker = remover.remove(self.remains.uid, &self.remains.path(retired), now)?;
        self.process = Some(Process::Worker(worker));
        Ok(())
    }

    /// How the try ended, if it has.
    pub(super) fn take_outcome(&mut self) -> Option<Ended> {
        let worker = match self.process.as_mut()? {
            Process::Worker(worker) | Process::Hung(Hung::Worker(worker)) => worker,
            Process::Hung(Hung::Child(_, pidfd)) => {
                if !process::has_ended(pidfd).unwrap_or(true) {
                    return None;
                }
                self.process = None;
                // The next try finds out what there is.
                return Some(Ended::Hindered(None));
            }
        };
        let outcome = worker.outcome()?;
        let reason = worker.complaints();
        self.process = None;
        Some(match outcome {
            Outcome::Gone => Ended::Gone,
            Outcome::Failed => Ended::Failed(reason),
            Outcome::Hindered => Ended::Hindered(reason),
            Outcome::LeftBehind => match reason.as_deref().and_then(child_of).and_then(watched) {
                Some((pid, pidfd)) => Ended::Abandoned(self.abandon(Hung::Child(pid, pidfd))),
                // It has ended since.
                None => Ended::Hindered(reason),
            },
        })
    }

    /// Kills the worker, if its time is over. One that was killed already is waited for no longer: then returns why it is abandoned.
    pub(super) fn kill_or_abandon(&mut self, now: Instant) -> Option<String> {
        let Some(Process::Worker(worker)) = &mut self.process else { return None };
        match worker.expire(now)? {
            Expired::Terminated | Expired::Killed => {
                log::warn!("teardown of {}: took too long, killed", self.remains.name.display());
                None
            }
            Expired::Hangs => self.abandon_worker(),
        }
    }

    /// Waits for the worker no longer. Returns why.
    pub(super) fn abandon_worker(&mut self) -> Option<String> {
        match self.process.take() {
            Some(Process::Worker(worker)) => Some(self.abandon(Hung::Worker(worker))),
            other => {
                self.process = other;
                None
            }
        }
    }

    fn abandon(&mut self, hung: Hung) -> String {
        let pid = hung.pid();
        log::error!(
            "teardown of {}: process {pid} hangs in the kernel, abandoned: what holds it is a process of uid {}",
            self.remains.name.display(),
            self.remains.uid
        );
        self.process = Some(Process::Hung(hung));
        format!("process {pid} hangs in the kernel")
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
