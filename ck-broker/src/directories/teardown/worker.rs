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

/// How long the remover may try, in seconds; it ends by itself then, and says what is left.
const PATIENCE_SECONDS: u64 = 60;
/// How much later it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// How far workers stand back behind everybody else, such as logins (nice(1)). By 19 nothing would ever go on
/// a busy machine.
const NICE: i32 = 5;

/// As much of what a worker complains about as is read, in bytes, and as many lines as are logged.
const COMPLAINTS: usize = 8192;
const COMPLAINTS_LOGGED: usize = 20;

/// A worker could not be started.
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
    /// There is nothing to catch what it complains about.
    #[error("cannot make a memory file: {0}")]
    Catch(io::Error),
}

/// The program that tears down.
#[derive(Debug)]
pub struct Remover {
    program: PathBuf,
    /// Keeps its name in the kernel's cache: whoever starts a program waits until it is found (vfork(2)).
    _pin: Option<OwnedFd>,
}

/// The program is not installed.
#[derive(Debug, thiserror::Error)]
#[error("ck-remove-directory is neither {} nor {}: install it, or no logout could clean up", .0.display(), .1.display())]
pub struct NoRemover(PathBuf, PathBuf);

impl Remover {
    /// Finds the program as it is installed beside the broker's own, `broker`:
    /// `PREFIX/sbin/ck-broker` and `PREFIX/libexec/ck/ck-remove-directory`, or both in one
    /// folder as a build leaves them.
    ///
    /// # Errors
    /// [`NoRemover`]: then the broker must not start.
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

    /// Starts the removal of what is at `path`, among the retired.
    pub(super) fn remove(&self, uid: Uid, path: &Path, now: Instant) -> Result<Worker, SpawnError> {
        self.start(self.program("--dest=", path).option("--uid=", uid.to_string()), now)
    }

    /// Starts the removal of the mount points in `directory` that nobody needs any more.
    pub(super) fn sweep(&self, directory: &Path, now: Instant) -> Result<Worker, SpawnError> {
        self.start(self.program("--sweep=", directory), now)
    }

    fn program(&self, option: &str, path: &Path) -> Program {
        Program::new(&self.program)
            .option(option, path)
            .option("--deadline=", PATIENCE_SECONDS.to_string())
            .option("--nice=", NICE.to_string())
    }

    fn start(&self, program: Program, now: Instant) -> Result<Worker, SpawnError> {
        let caught = Caught::new().map_err(SpawnError::Catch)?;
        let program = program.stderr(caught.writer().map_err(SpawnError::Catch)?);
        let child =
            program.start().map_err(|source| SpawnError::Run { program: self.program.clone(), source })?;
        let deadline = now + Duration::from_secs(PATIENCE_SECONDS) + GRACE;
        Ok(Worker { child: child.with_deadline(Deadline::kill(deadline)), caught })
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing is left.
    Gone,
    /// Something is.
    Failed,
    /// Something is, and another run will come further.
    Hindered,
    /// A child of it hangs in the kernel.
    LeftBehind,
}

impl Outcome {
    /// By the exit status of ck-remove-directory(8); `None` where a signal ended it.
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
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        self.child.status().map(|status| Outcome::of(status.code()))
    }

    /// Logs what it complained about, and returns the first of that.
    pub(super) fn complaints(&self) -> Option<String> {
        let text = self.caught.text(COMPLAINTS);
        let lines = || text.lines().map(|line| line.strip_prefix("ck-remove-directory: ").unwrap_or(line));
        for line in lines().take(COMPLAINTS_LOGGED) {
            // It has escaped what comes from the user; printable() would do so twice.
            log::warn!("teardown: {line}");
        }
        lines().next().map(str::to_owned)
    }

    /// Its process.
    pub(super) fn pid(&self) -> i32 {
        self.child.pid()
    }

    /// When it is to be seen to, if it has not ended by then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.child.deadline()
    }

    /// Whether it was killed, and has not ended.
    pub(super) fn was_killed(&self) -> bool {
        self.child.was_killed()
    }

    /// Kills it, if its time is over. Later it is found to hang, if not even that ends it.
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
