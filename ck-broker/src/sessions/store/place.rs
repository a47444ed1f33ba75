//! The state directory, which makes its holder the only broker on it.

use crate::places::{
    LockError, lock,
    state::{LOCK, PRIVATE, SESSIONS, USERS},
};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
};

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
    /// [`LockError`]
    pub fn lock(path: &Path) -> Result<Self, LockError> {
        let file = path.join(PRIVATE).join(LOCK);
        let mut lock = lock::take(&file, path)?;
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|source| LockError::Use { path: file, source })?;
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
