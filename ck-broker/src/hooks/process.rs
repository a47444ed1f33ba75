//! One run of a hook, in a process group of its own.

use super::{environment, output::Output};
use ck_core::model::HookEvent;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long after SIGTERM a hook is killed.
const GRACE: Duration = Duration::from_secs(1);
/// How long after SIGKILL a hook that has not ended is waited for no longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was done to end a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Terminated,
    Killed,
}

/// What becomes of a hook that is over its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    /// It was sent a signal, and is waited for.
    Signalled,
    /// Not even SIGKILL has ended it.
    Hangs,
}

/// A hook that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pidfd: OwnedFd,
    pub(super) output: Output,
    pub(super) due: Instant,
    stage: Stage,
}

/// Why a hook does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("is gone")]
    Gone,
    #[error("cannot make a pipe for what it prints: {0}")]
    Pipe(io::Error),
    #[error("cannot be run: {0}")]
    Run(io::Error),
    #[error("cannot be run: what it names in its first line, or its loader, is not there")]
    NoInterpreter,
    #[error("its end could not be heard of, so it was killed: {0}")]
    Watch(io::Error),
}

impl Process {
    pub(super) fn start(
        program: &Path,
        event: &HookEvent,
        deadline: Duration,
        now: Instant,
    ) -> Result<Self, StartError> {
        let (output, theirs) = Output::open().map_err(StartError::Pipe)?;
        let mut command = Command::new(program);
        command.arg(event.action()).env_clear().envs(environment::of(event)).current_dir("/");
        command.stdin(Stdio::null()).stderr(theirs.try_clone().map_err(StartError::Pipe)?).stdout(theirs);
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| match error.kind() {
            // It was there a moment ago.
            io::ErrorKind::NotFound if program.exists() => StartError::NoInterpreter,
            _ => StartError::Run(error),
        })?;
        match group(&child).and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::empty())?)) {
            Ok(pidfd) => Ok(Self { child, pidfd, output, due: now + deadline, stage: Stage::Running }),
            Err(source) => {
                // It dies at once, so waiting for it takes no time.
                let _ = child.kill().and_then(|()| child.wait());
                Err(StartError::Watch(source))
            }
        }
    }

    /// How it ended, if it has. After SIGTERM, not before the rest of its group has had its time too: the
    /// group's number is its own only as long as its first process is not waited for.
    pub(super) fn outcome(&mut self) -> Option<ExitStatus> {
        if self.stage == Stage::Terminated {
            return None;
        }
        self.child.try_wait().unwrap_or_else(|error| {
            log::error!("cannot wait for process {}: {error}", self.child.id());
            Some(ExitStatus::from_raw(0))
        })
    }

    /// Ends it, as its time is over: SIGTERM, then SIGKILL, to its group.
    pub(super) fn end(&mut self, now: Instant) -> Overdue {
        let (signal, stage, patience) = match self.stage {
            Stage::Running => (Signal::TERM, Stage::Terminated, GRACE),
            Stage::Terminated => (Signal::KILL, Stage::Killed, PATIENCE),
            Stage::Killed => return Overdue::Hangs,
        };
        (self.stage, self.due) = (stage, now + patience);
        // A group without anybody left is what is wanted.
        if let Err(error) = group(&self.child).and_then(|group| Ok(kill_process_group(group, signal)?)) {
            log::debug!("process group {}: {error}", self.child.id());
        }
        Overdue::Signalled
    }

    /// Whether its time was over before it ended.
    pub(super) fn was_late(&self) -> bool {
        self.stage != Stage::Running
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl AsFd for Process {
    /// A descriptor that is readable once it has ended: a pidfd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

/// The number of its process, and of its group.
fn group(child: &Child) -> io::Result<Pid> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| io::ErrorKind::InvalidInput.into())
}
