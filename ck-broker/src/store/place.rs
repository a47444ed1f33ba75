//! The state directory, and the lock that makes its holder the only broker on it.

use crate::places::state::{LOCK, PRIVATE, SESSIONS, USERS};
use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Why there is no state directory to work in.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The lock file could not be opened or written.
    #[error("cannot use the lock {}: {source}", path.display())]
    Lock {
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

/// A state directory that is ours as long as this value lives.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

impl StateDir {
    /// Locks the directory, which [`crate::places`] has made.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn lock(path: &Path) -> Result<Self, PlaceError> {
        let lock = lock(path)?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Takes the pid out of the lock: whoever finds one there, and the lock free, knows that its broker has died.
    pub fn release(self) {
        // It is free in any case.
        let _ = self.lock.set_len(0);
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it and for nobody else.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.path.join(PRIVATE)
    }

    /// Where the records of sessions are.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.private().join(SESSIONS)
    }

    /// Where the records of users are.
    #[must_use]
    pub fn users(&self) -> PathBuf {
        self.private().join(USERS)
    }
}

/// By fcntl(2), as such a lock is the process's own. One of flock(2) would be shared with a worker that is just
/// being started, and that would keep the next broker out if this one died then.
fn lock(dir: &Path) -> Result<File, PlaceError> {
    let path = dir.join(PRIVATE).join(LOCK);
    let failed = |source: io::Error| PlaceError::Lock { path: path.clone(), source };
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.custom_flags(nix::libc::O_NOFOLLOW).open(&path).map_err(failed)?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        // fcntl(2) allows either.
        Err(Errno::AGAIN | Errno::ACCESS) => {
            let mut pid = String::new();
            let holder = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!(" (pid {})", pid.trim()),
                _ => String::new(),
            };
            return Err(PlaceError::Taken { path: dir.to_owned(), holder });
        }
        Err(errno) => return Err(failed(errno.into())),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}
