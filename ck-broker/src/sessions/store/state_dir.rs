//! The locked state directory. Only one broker can hold the lock.

use crate::places::{
    LockError, lock,
    state::{LOCK, PRIVATE, SESSIONS, USERS},
};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

/// A state directory that this process has locked.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    lock: File,
}

impl StateDir {
    /// Locks the directory, which [`crate::places`] has made.
    ///
    /// # Errors
    /// [`LockError`]
    pub fn lock(path: &Path) -> Result<Self, LockError> {
        let file = path.join(PRIVATE).join(LOCK);
        let mut lock = lock::take(&file, path)?;
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|source| LockError::Use { path: file, source })?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Removes the pid from the lock file. A pid in the file of a free lock means that the broker was killed.
    pub fn release(self) {
        // The lock becomes free even after an error.
        let _ = self.lock.set_len(0);
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The private part of the directory.
    #[must_use]
    pub fn private(&self) -> PathBuf {
        self.path.join(PRIVATE)
    }

    /// The directory of the session records.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.private().join(SESSIONS)
    }

    /// The directory of the claims.
    #[must_use]
    pub fn users(&self) -> PathBuf {
        self.private().join(USERS)
    }
}
