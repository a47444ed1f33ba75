//! The state directory, and the lock that makes its holder the only broker on it.

use rustix::{
    fs::{FlockOperation, fcntl_lock},
    io::Errno,
};
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Why there is no state directory to work in.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A directory could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory could not be looked at.
    #[error("cannot inspect {}: {source}", path.display())]
    Inspect {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could change what is in it, or it is none.
    #[error("{} must be a directory (not a symbolic link) that root owns and nobody else can write: correct it or remove it", .0.display())]
    Unsafe(PathBuf),
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
    _lock: File,
}

impl StateDir {
    /// Makes the directory where it is missing, checks it, and locks it.
    ///
    /// # Errors
    /// [`PlaceError`]
    pub fn lock(path: &Path) -> Result<Self, PlaceError> {
        // Others look up `admin.sock` in it; nothing else in it is for them.
        make(path, 0o755)?;
        let lock = lock(path)?;
        make(&path.join("sessions"), 0o700)?;
        make(&path.join("users"), 0o700)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the records of sessions are.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.path.join("sessions")
    }

    /// Where the records of users are.
    #[must_use]
    pub fn users(&self) -> PathBuf {
        self.path.join("users")
    }
}

/// Makes a directory that only root can write, or accepts one that is there.
pub(crate) fn make(path: &Path, mode: u32) -> Result<(), PlaceError> {
    if inspect(path)? {
        return Ok(());
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            return Err(PlaceError::Make { path: path.to_owned(), source });
        }
        _ => {}
    }
    inspect(path).map(|_| ())
}

/// Whether the directory is there. One that others than root could change is refused; nothing
/// is made.
pub(crate) fn inspect(path: &Path) -> Result<bool, PlaceError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0 => Ok(true),
        Ok(_) => Err(PlaceError::Unsafe(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(PlaceError::Inspect { path: path.to_owned(), source }),
    }
}

/// By fcntl(2), as such a lock is the process's own. One of flock(2) would be shared with a worker that is just
/// being started, and that would keep the next broker out if this one died then.
fn lock(dir: &Path) -> Result<File, PlaceError> {
    let path = dir.join("lock");
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
