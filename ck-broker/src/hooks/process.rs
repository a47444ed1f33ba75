//! One run of a hook, in a process group of its own.

use super::{environment, output::Output};
use crate::sys::{Child, Deadline, Expired, Program, SpawnError};
use ck_core::model::HookEvent;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

/// How long after SIGTERM a hook is killed.
const TERM_TIME: Duration = Duration::from_secs(1);

/// A hook that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) output: Output,
}

/// Why a hook does not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("is gone")]
    Gone,
    #[error("cannot make a pipe for what it prints: {0}")]
    Pipe(io::Error),
    #[error("cannot be run: {0}")]
    Run(SpawnError),
    #[error("cannot be run: what it names in its first line, or its loader, is not there")]
    NoInterpreter,
}

impl Process {
    pub(super) fn start(
        program: &Path,
        event: &HookEvent,
        deadline: Duration,
        now: Instant,
    ) -> Result<Self, StartError> {
        let (output, theirs) = Output::open().map_err(StartError::Pipe)?;
        let mut hook = Program::new(program).arg(event.action()).lead_group();
        for (name, value) in environment::of(event) {
            hook = hook.env(&name, value);
        }
        let hook = hook.stderr(theirs.try_clone().map_err(StartError::Pipe)?).stdout(theirs);
        let child = hook.start().map_err(|error| match error {
            // It was there a moment ago.
            SpawnError::Execute(error) if error.kind() == io::ErrorKind::NotFound && program.exists() => {
                StartError::NoInterpreter
            }
            error => StartError::Run(error),
        })?;
        Ok(Self { child: child.with_deadline(Deadline::terminate(now + deadline, TERM_TIME)), output })
    }

    /// How it ended, if it has.
    pub(super) fn outcome(&mut self) -> Option<ExitStatus> {
        self.child.status()
    }

    /// When its time is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.child.deadline()
    }

    /// Ends it, if its time is over: SIGTERM, then SIGKILL, to its group.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Expired> {
        self.child.expire(now)
    }

    /// Whether its time was over before it ended.
    pub(super) fn was_late(&self) -> bool {
        self.child.was_late()
    }

    pub(super) fn pid(&self) -> i32 {
        self.child.pid()
    }
}

impl AsFd for Process {
    /// A pidfd: it is readable once the hook has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }
}
