//! The system calls for runtime directories, `/run/user/<uid>`: creating them at the first login, and retiring them at
//! the last logout.
//!
//! Only root can change the runtime root, so names in it can be trusted. Everything *below* such a name belongs to its
//! user, who may mount a FUSE file system on it. No call here sends a request to that file system.

mod create;
mod residue;
mod retire;
mod retire_error;
mod root;
mod tasks;

pub use create::{CreateError, Created, Existing};
pub use residue::Residue;
pub use retire::RetireOutcome;
pub use retire_error::RetireError;
pub use root::{RootError, RuntimeRoot, Unfinished};
pub use tasks::{OPTION as IN_ROOT, Task, TaskError};

use crate::config::{Backing, MountOptions};
use rustix::{
    fs::{AtFlags, CWD, Statx, StatxFlags, statx},
    io::Errno,
};
use std::path::Path;

/// The device number of a file system. It tells our tmpfs from file systems that others mount on it or in its stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

impl Device {
    /// The device number of the uppermost file system at `path`. No request is sent to the file system, because it may
    /// never answer.
    fn at(path: &Path) -> Result<Self, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        statx(CWD, path, flags, StatxFlags::empty()).map(Self::from_statx)
    }

    fn from_statx(found: Statx) -> Self {
        Self { major: found.stx_dev_major, minor: found.stx_dev_minor }
    }
}
