//! The lock that makes its holder the only broker on a state directory.

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Why the lock is not ours.
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
        /// " (pid N)", where it is known.
        holder: String,
    },
}

/// Takes the lock in the file `path`, for the state directory `place`, as long as the file is open.
///
/// By fcntl(2), as such a lock is the process's own. One of flock(2) would be shared with a worker that is just
/// being started, and that would keep the next broker out if this one died then.
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
