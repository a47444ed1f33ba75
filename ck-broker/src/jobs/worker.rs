//! One run of `ck-remove-directory`.

use crate::pin::pin;
use ck_protocol::Uid;
use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::FileExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
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
        source: io::Error,
    },
    /// There is nothing to catch what it complains about.
    #[error("cannot make a memory file: {0}")]
    Catch(io::Error),
    /// It runs, but its end could not be heard of; so it was killed.
    #[error("cannot watch {}: {source}", program.display())]
    Watch {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
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
        let mut command = self.command("--dest=", path);
        self.start(command.arg(format!("--uid={uid}")), now)
    }

    /// Starts the removal of the mount points in `directory` that nobody needs any more.
    pub(super) fn sweep(&self, directory: &Path, now: Instant) -> Result<Worker, SpawnError> {
        self.start(&mut self.command("--sweep=", directory), now)
    }

    fn command(&self, option: &str, path: &Path) -> Command {
        let mut argument = OsString::from(option);
        argument.push(path);
        let mut command = Command::new(&self.program);
        command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/");
        command.arg(argument).arg(format!("--deadline={PATIENCE_SECONDS}")).arg(format!("--nice={NICE}"));
        command
    }

    fn start(&self, command: &mut Command, now: Instant) -> Result<Worker, SpawnError> {
        // Not a pipe: nobody reads along, so a worker with much to complain about would stand still.
        let caught = memfd_create("complaints", MemfdFlags::CLOEXEC)
            .map_err(|errno| SpawnError::Catch(errno.into()))?;
        let caught = File::from(caught);
        command.stderr(caught.try_clone().map_err(SpawnError::Catch)?);
        let mut child =
            command.spawn().map_err(|source| SpawnError::Run { program: self.program.clone(), source })?;
        match pidfd(&child) {
            Ok(pidfd) => {
                let deadline = now + Duration::from_secs(PATIENCE_SECONDS) + GRACE;
                Ok(Worker { child, pidfd, caught, deadline, killed: false })
            }
            Err(source) => {
                // Its end could never be heard of: better no worker than a lost one. It dies
                // at once, so waiting for it takes no time.
                let _ = child.kill().and_then(|()| child.wait());
                Err(SpawnError::Watch { program: self.program.clone(), source })
            }
        }
    }
}

/// The child is not yet waited for, so its pid is still its own.
fn pidfd(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
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
    pidfd: OwnedFd,
    /// Its standard error.
    caught: File,
    deadline: Instant,
    killed: bool,
}

impl Worker {
    /// How it ended; `None` while it runs.
    pub(super) fn outcome(&mut self) -> Option<Outcome> {
        match self.child.try_wait() {
            Ok(status) => status.map(|status| Outcome::of(status.code())),
            Err(error) => {
                log::error!("cannot wait for worker {}: {error}", self.child.id());
                Some(Outcome::Failed)
            }
        }
    }

    /// Logs what it complained about, and returns the first of that.
    pub(super) fn complaints(&self) -> Option<String> {
        let mut bytes = [0; COMPLAINTS];
        let length = self.caught.read_at(&mut bytes, 0).unwrap_or(0);
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
        let lines = || text.lines().map(|line| line.strip_prefix("ck-remove-directory: ").unwrap_or(line));
        for line in lines().take(COMPLAINTS_LOGGED) {
            // It has escaped what comes from the user; printable() would do so twice.
            log::warn!("teardown: {line}");
        }
        lines().next().map(str::to_owned)
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// When it is to be seen to, if it has not ended by then.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it was killed, and has not ended.
    pub(super) fn was_killed(&self) -> bool {
        self.killed
    }

    /// Kills it, as its time is over, and gives it a little more to end. False if that was done before.
    pub(super) fn kill(&mut self, now: Instant) -> bool {
        if std::mem::replace(&mut self.killed, true) {
            return false;
        }
        self.deadline = now + GRACE;
        if let Err(errno) = pidfd_send_signal(&self.pidfd, Signal::KILL) {
            log::error!("cannot kill worker {}: {errno}", self.child.id());
        }
        true
    }
}

impl AsFd for Worker {
    /// A descriptor that is readable once the worker has ended: a pidfd.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}
