//! A running hook, in a process group of its own.

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

/// The time between SIGTERM and SIGKILL.
const TERM_TIME: Duration = Duration::from_secs(1);

/// A running hook.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) output: Output,
}

/// Why a hook could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("no longer exists")]
    Gone,
    #[error("cannot make a pipe for its output: {0}")]
    Pipe(io::Error),
    #[error("cannot be run: {0}")]
    Run(SpawnError),
    #[error("cannot be run: the interpreter in its first line, or its dynamic loader, is missing")]
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
            // The program exists, so its interpreter is missing.
            SpawnError::Execute(error) if error.kind() == io::ErrorKind::NotFound && program.exists() => {
                StartError::NoInterpreter
            }
            error => StartError::Run(error),
        })?;
        Ok(Self { child: child.with_deadline(Deadline::terminate(now + deadline, TERM_TIME)), output })
    }

    /// Its exit status, if it has ended.
    pub(super) fn outcome(&mut self) -> Option<ExitStatus> {
        self.child.status()
    }

    /// Its time limit.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.child.deadline()
    }

    /// Ends it if its time is over: SIGTERM, then SIGKILL, to its process group.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Expired> {
        self.child.expire(now)
    }

    /// True if its time was over before it ended.
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
