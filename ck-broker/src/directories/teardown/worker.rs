//! One run of `ck-remove-directory`.

use crate::{
    pin::pin,
    sys::{self, Caught, Child, Deadline, Expired, Program},
};
use ck_protocol::Uid;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The time limit of the remover, in seconds. The remover ends by itself then, and reports what is left.
const TIME_LIMIT_SECONDS: u64 = 60;
/// The time between that limit and SIGKILL.
const KILL_DELAY: Duration = Duration::from_secs(5);

/// The niceness of workers (nice(1)), so that logins are faster than teardowns. With 19, a teardown would make no
/// progress on a busy machine.
const NICE: i32 = 5;

/// The maximum number of bytes that are read of a worker's standard error, and of lines that are logged.
const MAX_OUTPUT: usize = 8192;
const MAX_LOGGED_LINES: usize = 20;

/// Why a worker could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The program could not be run.
    #[error("cannot run {}: {source}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        source: sys::SpawnError,
    },
    /// The memory file for its standard error could not be made.
    #[error("cannot make a memory file: {0}")]
    Catch(io::Error),
}

/// The program that removes directories: `ck-remove-directory`.
#[derive(Debug)]
pub struct Remover {
    program: PathBuf,
    /// Keeps its name in the kernel's cache, because the broker waits until a program that it starts is found
    /// (vfork(2)).
    _pin: Option<OwnedFd>,
}

/// The program is not installed.
#[derive(Debug, thiserror::Error)]
#[error("ck-remove-directory is missing: neither {} nor {} exists: install it", .0.display(), .1.display())]
pub struct NoRemover(PathBuf, PathBuf);

impl Remover {
    /// Finds the program by the path of the broker's program: `PREFIX/libexec/ck/ck-remove-directory` for
    /// `PREFIX/sbin/ck-broker`, or both in one directory, as in a build.
    ///
    /// # Errors
    /// [`NoRemover`]; then the broker must not start.
    pub fn beside(broker: &Path) -> Result<Self, NoRemover> {
        let folder = broker.parent().unwrap_or(Path::new("/"));
        let installed = folder.with_file_name("libexec").join("ck/ck-remove-directory");
        let built = folder.join("ck-remove-directory");
        for candidate in [&installed, &built] {
            if candidate.is_file() {
                return Ok(Self { program: candidate.clone(), _pin: pin(candidate) });
            }
        }
        Err(NoRemover(installed, built))
    }

    /// Starts the removal of the retired directory `path`.
    pub(super) fn remove(&self, uid: Uid, path: &Path, now: Instant) -> Result<Worker, SpawnError> {
        self.start(self.program("--dest=", path).option("--uid=", uid.to_string()), now)
    }

    /// Starts the removal of the unused mount points in `directory`.
    pub(super) fn sweep(&self, directory: &Path, now: Instant) -> Result<Worker, SpawnError> {
        self.start(self.program("--sweep=", directory), now)
    }

    fn program(&self, option: &str, path: &Path) -> Program {
        Program::new(&self.program)
            .option(option, path)
            .option("--deadline=", TIME_LIMIT_SECONDS.to_string())
            .option("--nice=", NICE.to_string())
    }

    fn start(&self, program: Program, now: Instant) -> Result<Worker, SpawnError> {
        let caught = Caught::new().map_err(SpawnError::Catch)?;
        let program = program.stderr(caught.writer().map_err(SpawnError::Catch)?);
        let child =
            program.start().map_err(|source| SpawnError::Run { program: self.program.clone(), source })?;
        let deadline = now + Duration::from_secs(TIME_LIMIT_SECONDS) + KILL_DELAY;
        Ok(Worker { child: child.with_deadline(Deadline::kill(deadline)), caught })
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything was removed.
    Gone,
    /// Something was not removed.
    Failed,
    /// Something was not removed, but another run will get further.
    Hindered,
    /// A child of the remover hangs in the kernel.
    LeftBehind,
}

impl Exit {
    /// Maps the exit status of ck-remove-directory(8). `None`: a signal ended it.
    fn of(status: Option<i32>) -> Self {
        match status {
            Some(0) => Self::Gone,
            Some(3) => Self::LeftBehind,
            Some(4) => Self::Hindered,
            _ => Self::Failed,
        }
    }
}

/// A running remover.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    /// Its standard error.
    caught: Caught,
}

impl Worker {
    /// How it ended; `None` while it runs.
    pub(super) fn outcome(&mut self) -> Option<Exit> {
        self.child.status().map(|status| Exit::of(status.code()))
    }

    /// Logs its standard error, and returns the first line.
    pub(super) fn log_output(&self) -> Option<String> {
        let text = self.caught.text(MAX_OUTPUT);
        let lines = || text.lines().map(|line| line.strip_prefix("ck-remove-directory: ").unwrap_or(line));
        for line in lines().take(MAX_LOGGED_LINES) {
            // The remover has escaped names from the user. printable() would escape them twice.
            log::warn!("teardown: {line}");
        }
        lines().next().map(str::to_owned)
    }

    /// Its process.
    pub(super) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// Its time limit.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.child.deadline()
    }

    /// True if it was killed and has not ended.
    pub(super) fn was_killed(&self) -> bool {
        self.child.was_killed()
    }

    /// Kills it if its time is over. If it does not end after that, the next call returns [`Expired::Hangs`].
    pub(super) fn expire(&mut self, now: Instant) -> Option<Expired> {
        self.child.expire(now)
    }
}

impl AsFd for Worker {
    /// A descriptor that is readable once the worker has ended: a pidfd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }
}
