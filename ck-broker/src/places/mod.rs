//! The two places that a broker works in: the state directory and the runtime root.
//!
//! Each is a mount of its own and cannot be read by other users. A local user can block a directory that the user can
//! read, or can reach by rename(2) on the same mount. A process that needs the lock of that directory then waits for as
//! long as the user likes. A broker removes names only where no user can look them up, because the process that removes
//! a name frees everything that a user has mounted there.
//!
//! This protection begins once the places are made. Making them may wait for such a lock. Therefore a separate process
//! makes them, and the broker waits for it for a limited time. Where mounting is not permitted, the places are used as
//! they are, and a problem is reported.
//!
//! - `make`: prepares all of them; `state` and `user_dirs`: the two places; `inherit`: the runtime root of an earlier
//!   release;
//! - `lingerers`: a third directory, on a disk, which only has to be closed to other users;
//! - `lock`: the lock of the broker; `directory`: directories that only root can change; `mounts`: mounting.

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
    sys::{Caught, Child, Program, filter::Refused},
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

/// The option, without its dashes, that makes this program prepare the places. Its value is the pid of the broker that
/// starts it.
pub const OPTION: &str = "make-places";
/// The option, without its dashes, that says that a service manager holds the sockets.
pub const KEEP_SOCKETS: &str = "keep-sockets";
/// The time limit of that process, which usually takes a few milliseconds.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of bytes that are read of its output.
const MAX_OUTPUT: usize = 8192;

/// The places that are needed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'p> {
    /// The state directory.
    pub state_dir: &'p Path,
    /// The runtime root. `None` if another manager makes the runtime directories.
    pub runtime_root: Option<&'p Path>,
    /// The directory with the records of lingering users.
    pub linger_dir: &'p Path,
    /// Whether a service manager holds the sockets in the state directory.
    pub sockets_are_passed: bool,
}

/// Why the places cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// One of them is not a directory that only root can change.
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
    /// Something could not be inspected.
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
    /// Mounting failed, although it is permitted.
    #[error("cannot mount on {}: {source}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// A filter refuses what is needed for the directories that are there.
    #[error(transparent)]
    Filter(Refused),
    /// The data of an earlier release could not be taken over.
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
    /// The process that makes them could not be started or watched.
    #[error("cannot run ck-broker --{OPTION}: {0}")]
    Run(io::Error),
    /// The process did not end in time.
    #[error(
        "{} and {} are not ready after {} s: a process blocks them: see \"held\" in docs/TROUBLESHOOTING.md",
        state_dir.display(), runtime_root.display(), TIME_LIMIT.as_secs()
    )]
    Held {
        /// The state directory.
        state_dir: PathBuf,
        /// The root.
        runtime_root: PathBuf,
    },
    /// The process reported this error.
    #[error("{0}")]
    Refused(String),
}

impl PlacesError {
    fn inspect(path: &Path, source: Errno) -> Self {
        Self::Inspect { path: path.to_owned(), source }
    }
}

/// Starts the process that makes the places, and waits for it. Returns the problems, one line each.
///
/// # Errors
/// [`PlacesError`], after ten seconds at the latest.
pub fn ensure(wanted: &Wanted<'_>) -> Result<Vec<String>, PlacesError> {
    let caught = Caught::new().map_err(PlacesError::Run)?;
    let mut child = start(wanted, &caught).map_err(PlacesError::Run)?;
    let ended = child.status_within(TIME_LIMIT).map_err(|errno| PlacesError::Run(errno.into()))?;
    let Some(status) = ended else {
        // It hangs in the kernel, and ends as soon as the lock that it waits for is released.
        child.kill();
        let root = wanted.runtime_root.unwrap_or(wanted.state_dir);
        return Err(PlacesError::Held {
            state_dir: wanted.state_dir.to_owned(),
            runtime_root: root.to_owned(),
        });
    };
    let said = caught.text(MAX_OUTPUT);
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

/// Makes the places, in the process that `broker` has started with [`OPTION`]. Returns the problems, one line each.
///
/// # Errors
/// [`PlacesError`]
pub fn make(wanted: &Wanted<'_>, broker: i32) -> Result<Vec<String>, PlacesError> {
    let failed = |errno: Errno| PlacesError::Run(errno.into());
    // If the broker is killed, the next broker starts such a process again. Two at once would disturb each other.
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(failed)?;
    if getppid().map(Pid::as_raw_nonzero).map(i32::from) != Some(broker) {
        return Err(failed(Errno::SRCH));
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    make::run(wanted)
}
