//! Directories that only root can change: creation, checks, and modes.

use std::{
    fs::{self, DirBuilder, Metadata, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The permission bits that let users other than root write.
const WRITABLE: u32 = 0o022;
/// The sticky bit: users cannot rename or remove files that they do not own.
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
    /// It could not be inspected.
    #[error("cannot inspect {}: {source}", path.display())]
    Inspect {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Users other than root could change its contents, or it is not a directory.
    #[error("{} must be a directory (not a symbolic link) that root owns and nobody else can write: correct it or remove it", .0.display())]
    Unsafe(PathBuf),
    /// Users other than root could replace it by another directory.
    #[error("{} contains {}, but users other than root can change it (owner: uid {owner}): chown root and chmod go-w it", above.display(), path.display())]
    UnsafeAncestor {
        /// The directory.
        path: PathBuf,
        /// The directory above it that is not safe.
        above: PathBuf,
        /// The owner of that directory.
        owner: u32,
    },
    /// Its mode is wrong and could not be changed.
    #[error("cannot set the mode of {} to {mode:04o}: {source}", path.display())]
    Mode {
        /// The directory.
        path: PathBuf,
        /// The mode that it must have.
        mode: u32,
        /// Why.
        source: io::Error,
    },
}

/// Creates a directory that only root can write. An existing one is accepted.
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

/// Whether the directory exists. A directory that users other than root could change is an error. Creates nothing.
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

/// Checks that only root can replace `path`, which contains no symbolic links. Root must own every directory above it.
/// Other users must not be able to write there, unless the sticky bit is set (as in /tmp).
///
/// # Errors
/// [`DirectoryError::UnsafeAncestor`], [`DirectoryError::Inspect`]
pub(super) fn check_ancestors(path: &Path) -> Result<(), DirectoryError> {
    for above in path.ancestors().skip(1) {
        let found = look(above)?;
        let is_safe = found.mode() & WRITABLE == 0 || found.mode() & STICKY != 0;
        if found.uid() != 0 || !is_safe {
            let (path, above) = (path.to_owned(), above.to_owned());
            return Err(DirectoryError::UnsafeAncestor { path, above, owner: found.uid() });
        }
    }
    Ok(())
}

/// Sets the mode of the directory. Returns true if the mode was different.
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
