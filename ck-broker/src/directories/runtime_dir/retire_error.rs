//! Why a runtime directory is still in its place.

use super::hands::TaskError;
use rustix::io::Errno;
use std::path::PathBuf;

/// Why a runtime directory is still in its place.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// What is there could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// There is no place for it among the retired.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The place.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// What is mounted there could not be mounted among the retired.
    #[error("cannot mount on {} what is mounted on {}: {source}", to.display(), path.display())]
    Keep {
        /// The mount point.
        path: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// Why.
        source: Errno,
    },
    /// What is mounted there could not be detached.
    #[error("cannot detach what is mounted on {}: {source}", path.display())]
    Detach {
        /// The mount point.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// A process was to move it, where nothing can be mounted.
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
