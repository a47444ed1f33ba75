//! The two places that a broker works in: the state directory and the root of the runtime directories.
//!
//! Each is a mount of its own and cannot be read by others, because a local user can hold whatever they can read, or
//! reach by rename(2) on the same mount: what then asks for the lock of the directory waits as long as they like. What a broker
//! removes is where no user can look a name up, as whoever removes a name frees what a user has mounted there.
//!
//! That can be so only once the places are made. Making them may meet such a lock, so a process of its own does that, which is
//! not waited for without end; and where nothing may be mounted, the places are used as they are, and that is told.
//!
//! - `make`: what has to be there; `state` and `user_dirs`: the two of them; `inherit`: that of an earlier release;
//! - `lingerers`: a third one, on a disk, which only has to be closed to others;
//! - `lock`: that of the one broker; `directory`: directories that are root's alone; `mounts`: mounting.

pub(crate) mod directory;
mod inherit;
mod lingerers;
pub(crate) mod lock;
mod make;
pub(crate) mod mounts;
pub(crate) mod state;
pub(crate) mod user_dirs;

pub use directory::DirectoryError;
pub use lock::LockError;

use crate::{log_sink, poll};
use rustix::{
    event::{PollFlags, Timespec},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, getppid, pidfd_open, set_parent_process_death_signal},
};
use std::{
    ffi::OsString,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// The option, without its dashes, by which this program is told to make the places; its value is the pid of the broker
/// that wants them.
pub const OPTION: &str = "make-places";
/// The option, without its dashes, by which it is told that a service manager holds the sockets.
pub const KEEP_SOCKETS: &str = "keep-sockets";
/// Ourselves, also where the file has been replaced meanwhile.
const PROGRAM: &str = "/proc/self/exe";
/// How long that may take. It is some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of what it says as is read, in bytes.
const ANSWER: u64 = 8192;

/// What is to be there.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'p> {
    /// The state directory.
    pub state_dir: &'p Path,
    /// The root of the runtime directories, unless somebody else makes them.
    pub runtime_root: Option<&'p Path>,
    /// Where it is written who lingers.
    pub linger_dir: &'p Path,
    /// Whether a service manager holds the sockets in the state directory.
    pub sockets_are_passed: bool,
}

/// Why the places cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// One is no directory of root's.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its path could not be resolved.
    #[error("cannot resolve {}: {source}", path.display())]
    Resolve {
        /// The place.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something could not be looked at.
    #[error("cannot inspect {}: {source}", path.display())]
    Inspect {
        /// What.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// Something in it could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// What.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// Nothing could be mounted there, though mounting is allowed.
    #[error("cannot mount on {}: {source}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// What an earlier release has left could not be taken over.
    #[error("cannot take over {}: {source}", path.display())]
    TakeOver {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another broker runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The process that makes them could not be started, or told nothing.
    #[error("cannot run {PROGRAM} --{OPTION}: {0}")]
    Run(io::Error),
    /// It does not end.
    #[error(
        "{} and {} are not ready after {} s: somebody holds them: see \"held\" in docs/TROUBLESHOOTING.md",
        state_dir.display(), runtime_root.display(), PATIENCE.as_secs()
    )]
    Held {
        /// The state directory.
        state_dir: PathBuf,
        /// The root.
        runtime_root: PathBuf,
    },
    /// It has said why not.
    #[error("{0}")]
    Refused(String),
}

impl PlacesError {
    fn inspect(path: &Path, source: Errno) -> Self {
        Self::Inspect { path: path.to_owned(), source }
    }
}

/// Has the places made. Returns what is not as it should be, a line each.
///
/// # Errors
/// [`PlacesError`], after ten seconds at the latest.
pub fn ensure(wanted: &Wanted<'_>) -> Result<Vec<String>, PlacesError> {
    let mut child = start(wanted).map_err(PlacesError::Run)?;
    let ended = await_end(&child).map_err(|errno| PlacesError::Run(errno.into()))?;
    if !ended {
        // It hangs in the kernel; it ends when what holds it does.
        let _ = child.kill();
        let root = wanted.runtime_root.unwrap_or(wanted.state_dir);
        return Err(PlacesError::Held {
            state_dir: wanted.state_dir.to_owned(),
            runtime_root: root.to_owned(),
        });
    }
    let status = child.wait().map_err(PlacesError::Run)?;
    let mut said = String::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(ANSWER).read_to_string(&mut said).map_err(PlacesError::Run)?;
    }
    let lines = || said.lines().map(str::to_owned);
    if status.success() {
        return Ok(lines().collect());
    }
    Err(PlacesError::Refused(lines().next().unwrap_or_else(|| format!("{PROGRAM} --{OPTION}: {status}"))))
}

fn start(wanted: &Wanted<'_>) -> io::Result<Child> {
    let mut command = Command::new(PROGRAM);
    command.arg(format!("--{OPTION}={}", std::process::id()));
    command.arg(named("--state-dir=", wanted.state_dir));
    command.args(wanted.runtime_root.map(|root| named("--runtime-root=", root)));
    command.arg(named("--linger-dir=", wanted.linger_dir));
    command.args(wanted.sockets_are_passed.then(|| format!("--{KEEP_SOCKETS}")));
    command.env_clear().current_dir("/");
    log_sink::pass_on(&mut command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

fn named(option: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(option);
    argument.push(path);
    argument
}

/// Whether it has ended in time.
fn await_end(child: &Child) -> Result<bool, Errno> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let patience = Timespec::try_from(PATIENCE).map_err(|_| Errno::INVAL)?;
    Ok(!poll::within(&pidfd, PollFlags::IN, &patience)?.is_empty())
}

/// What the process does that was started with [`OPTION`] by `broker`: makes the places, and returns what to say of them.
///
/// # Errors
/// [`PlacesError`]
pub fn make(wanted: &Wanted<'_>, broker: i32) -> Result<Vec<String>, PlacesError> {
    let failed = |errno: Errno| PlacesError::Run(errno.into());
    // Should the broker be killed, the next one starts another: two at once would get into each other's way.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    if getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(broker) {
        return Err(failed(Errno::SRCH));
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    make::run(wanted)
}
