//! The lock that makes its holder the only broker on a state directory.

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
    process::{Flock, FlockType, Pid, fcntl_getlk},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The maximum number of bytes that are read from the file: longer than any pid.
const PID_LENGTH: u64 = 64;

/// Why the lock was not acquired.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The lock file could not be opened or written.
    #[error("cannot use the lock {}: {source}", path.display())]
    Use {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another broker runs on this directory.
    #[error("another ck-broker{holder} runs on {}: stop it first, or choose another --state-dir", path.display())]
    Taken {
        /// The state directory.
        path: PathBuf,
        /// " (pid N)", or empty if the pid is unknown.
        holder: String,
    },
}

/// The holder of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The broker with this pid.
    Runs(Pid),
    /// No process. The last broker was killed: its pid is still in the file.
    Died,
    /// No process.
    None,
}

/// Acquires the lock in the file `path`, for the state directory `place`. It is held while the file is open.
///
/// The lock is one of fcntl(2), because such a lock belongs to one process. A lock of flock(2) would be shared with a
/// worker that is being started. If this broker died then, the worker would keep out the next broker.
///
/// # Errors
/// [`LockError`]
pub(crate) fn take(path: &Path, place: &Path) -> Result<File, LockError> {
    let failed = |source: io::Error| LockError::Use { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.custom_flags(nix::libc::O_NOFOLLOW).open(path).map_err(failed)?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        // fcntl(2) allows either.
        Err(Errno::AGAIN | Errno::ACCESS) => {
            let mut pid = String::new();
            let holder = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!(" (pid {})", pid.trim()),
                _ => String::new(),
            };
            Err(LockError::Taken { path: place.to_owned(), holder })
        }
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Finds the holder of the lock in the file `path`. The file contains a pid. The kernel knows whether that process
/// holds the lock: fcntl(2), `F_GETLK`.
///
/// # Errors
/// [`LockError::Use`]
pub(crate) fn holder(path: &Path) -> Result<Holder, LockError> {
    let failed = |source: io::Error| LockError::Use { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let file = match options.read(true).custom_flags(nix::libc::O_NOFOLLOW).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Holder::None),
        file => file.map_err(failed)?,
    };
    let mut text = String::new();
    (&file).take(PID_LENGTH).read_to_string(&mut text).map_err(failed)?;
    let Some(pid) = text.trim().parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw) else {
        return Ok(Holder::None);
    };
    let lock =
        fcntl_getlk(&file, &Flock::from(FlockType::WriteLock)).map_err(|errno| failed(errno.into()))?;
    Ok(if lock.is_some_and(|lock| lock.pid == Some(pid)) { Holder::Runs(pid) } else { Holder::Died })
}
