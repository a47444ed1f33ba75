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
pub use lock::{Holder, LockError};

use crate::{
    log_sink,
    sys::{Caught, Child, Program},
};
use rustix::{
    io::Errno,
    process::{Pid, Signal, getppid, set_parent_process_death_signal},
};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The option, without its dashes, by which this program is told to make the places; its value is the pid of the broker
/// that wants them.
pub const OPTION: &str = "make-places";
/// The option, without its dashes, by which it is told that a service manager holds the sockets.
pub const KEEP_SOCKETS: &str = "keep-sockets";
/// How long that may take. It is some milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// As much of what it says as is read, in bytes.
const ANSWER: usize = 8192;

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
    #[error("cannot run ck-broker --{OPTION}: {0}")]
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
    let caught = Caught::new().map_err(PlacesError::Run)?;
    let mut child = start(wanted, &caught).map_err(PlacesError::Run)?;
    let ended = child.status_within(PATIENCE).map_err(|errno| PlacesError::Run(errno.into()))?;
    let Some(status) = ended else {
        // It hangs in the kernel; it ends when what holds it does.
        child.kill();
        let root = wanted.runtime_root.unwrap_or(wanted.state_dir);
        return Err(PlacesError::Held {
            state_dir: wanted.state_dir.to_owned(),
            runtime_root: root.to_owned(),
        });
    };
    let said = caught.text(ANSWER);
    let lines = || said.lines().map(str::to_owned);
    if status.success() {
        return Ok(lines().collect());
    }
    Err(PlacesError::Refused(lines().next().unwrap_or_else(|| format!("ck-broker --{OPTION}: {status}"))))
}

fn start(wanted: &Wanted<'_>, caught: &Caught) -> io::Result<Child> {
    let mut program = Program::own("ck-make-places")
        .arg(format!("--{OPTION}={}", std::process::id()))
        .option("--state-dir=", wanted.state_dir)
        .option("--linger-dir=", wanted.linger_dir)
        .stdout(caught.writer()?);
    if let Some(root) = wanted.runtime_root {
        program = program.option("--runtime-root=", root);
    }
    if wanted.sockets_are_passed {
        program = program.arg(format!("--{KEEP_SOCKETS}"));
    }
    log_sink::pass_on(program).start().map_err(io::Error::other)
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
