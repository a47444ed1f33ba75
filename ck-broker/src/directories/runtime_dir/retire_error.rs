//! Why a runtime directory is still in its place.

use super::tasks::TaskError;
use rustix::io::Errno;
use std::path::PathBuf;

/// Why a runtime directory is still in its place.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// The directory could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// Its entry in `.ck-retired` could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The entry.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The mount could not be copied to `.ck-retired`.
    #[error("cannot copy the mount on {} to {}: {source}", path.display(), to.display())]
    Keep {
        /// The mount point.
        path: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The mount could not be detached.
    #[error("cannot detach the mount on {}: {source}", path.display())]
    Detach {
        /// The mount point.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The process that moves directories where mounting is not permitted has failed.
    #[error("cannot move {}: {source}", path.display())]
    Task {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: TaskError,
    },
    /// The directory could not be moved.
    #[error("cannot move {} to {}: {source}", path.display(), to.display())]
    Move {
        /// The directory.
        path: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// Why.
        source: Errno,
    },
}
