//! The runtime directories, `/run/user/<uid>`: made at the first login, and taken out of their
//! place at the last logout.
//!
//! The root that they lie in belongs to root alone, so names in it can be trusted. What is
//! *below* such a name belongs to its user, who may mount a FUSE file system over it: nothing
//! here opens, reads or stats through it in a way that could ask that file system.

mod create;
mod hands;
mod remains;
mod retire;
mod retire_error;
mod root;

pub use create::{CreateError, Created, Existing};
pub use hands::{OPTION as IN_ROOT, Task, TaskError};
pub use remains::Remains;
pub use retire::Retired;
pub use retire_error::RetireError;
pub use root::{RootError, RuntimeRoot, Unfinished};

use crate::config::{Backing, MountOptions};
use rustix::{
    fs::{AtFlags, CWD, Statx, StatxFlags, statx},
    io::Errno,
};
use std::path::Path;

/// Names a file system while it exists: its device number, by which our tmpfs is told from what
/// others mount upon it or in its stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// The major number.
    pub major: u32,
    /// The minor number.
    pub minor: u32,
}

impl Device {
    /// The file system at `path`, the uppermost where several are mounted there; without asking it, as it may never answer.
    fn at(path: &Path) -> Result<Self, Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        statx(CWD, path, flags, StatxFlags::empty()).map(Self::from_statx)
    }

    fn from_statx(found: Statx) -> Self {
        Self { major: found.stx_dev_major, minor: found.stx_dev_minor }
    }
}
