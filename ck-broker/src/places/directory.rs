//! Directories that are root's alone: made, checked, and opened to those who are to pass through.

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Others than root may write.
const WRITABLE: u32 = 0o022;
/// Others than root cannot replace names that are not theirs.
const STICKY: u32 = 0o1000;
/// The bits of a mode that are permissions.
const PERMISSIONS: u32 = 0o7777;

/// Why a directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It could not be looked at.
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
    /// Somebody else could put another directory in its place.
    #[error("{} leads to {}, and others than root can change it (it belongs to uid {owner}): chown root and chmod go-w it", above.display(), path.display())]
    Way {
        /// The directory.
        path: PathBuf,
        /// What is above it.
        above: PathBuf,
        /// Whose that is.
        owner: u32,
    },
    /// It has other permissions than it must have, and keeps them.
    #[error("cannot set the mode of {} to {mode:04o}: {source}", path.display())]
    Mode {
        /// The directory.
        path: PathBuf,
        /// What it is to be.
        mode: u32,
        /// Why.
        source: io::Error,
    },
}

/// Makes a directory that only root can write, or accepts one that is there.
///
/// # Errors
/// [`DirectoryError`]
pub(crate) fn make(path: &Path, mode: u32) -> Result<(), DirectoryError> {
    if inspect(path)? {
        return Ok(());
    }
    match DirBuilder::new().mode(mode).create(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            return Err(DirectoryError::Make { path: path.to_owned(), source });
        }
        _ => {}
    }
    inspect(path).map(|_| ())
}

/// Whether the directory is there. One that others than root could change is refused; nothing is made.
///
/// # Errors
/// [`DirectoryError`]
pub(crate) fn inspect(path: &Path) -> Result<bool, DirectoryError> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() && found.uid() == 0 && found.mode() & WRITABLE == 0 => Ok(true),
        Ok(_) => Err(DirectoryError::Unsafe(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(DirectoryError::Inspect { path: path.to_owned(), source }),
    }
}

/// Makes sure that nobody but root can put another directory in the place of `path`, which has no links in it: everything
/// above is root's, and others cannot write there, or cannot replace what is not theirs (as in /tmp).
///
/// # Errors
/// [`DirectoryError::Way`], [`DirectoryError::Inspect`]
pub(super) fn check_way(path: &Path) -> Result<(), DirectoryError> {
    for above in path.ancestors().skip(1) {
        let found = look(above)?;
        let is_safe = found.mode() & WRITABLE == 0 || found.mode() & STICKY != 0;
        if found.uid() != 0 || !is_safe {
            let (path, above) = (path.to_owned(), above.to_owned());
            return Err(DirectoryError::Way { path, above, owner: found.uid() });
        }
    }
    Ok(())
}

/// Has the directory's permissions be `mode`. True: they were others.
///
/// # Errors
/// [`DirectoryError::Mode`], [`DirectoryError::Inspect`]
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<bool, DirectoryError> {
    if look(path)?.mode() & PERMISSIONS == mode {
        return Ok(false);
    }
    let failed = |source| DirectoryError::Mode { path: path.to_owned(), mode, source };
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed)?;
    Ok(true)
}

fn look(path: &Path) -> Result<Metadata, DirectoryError> {
    fs::symlink_metadata(path).map_err(|source| DirectoryError::Inspect { path: path.to_owned(), source })
}
