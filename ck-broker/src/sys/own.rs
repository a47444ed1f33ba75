//! The broker's own program, which it starts for tasks that it must not wait for.

use crate::{
    lookup::{Last, find},
    pin::pin,
};
use rustix::fs::{fstat, stat};
use std::{env, ffi::OsString, os::fd::OwnedFd, path::PathBuf, sync::OnceLock};

/// The program, also after its file was replaced. But execve(2) in a child then looks up the child's own directory in `/proc`, and that
/// takes the lock of `/proc`, which every local user can hold. The broker waits for the execve(2) of its children (vfork(2)).
const BY_PROC: &str = "/proc/self/exe";

/// Where the program was when this was first asked.
struct OwnProgram {
    path: PathBuf,
    /// Keeps the names of the path in the kernel's cache, so that execve(2) takes no lock.
    pinned: OwnedFd,
}

/// What is to be executed: the path of the program that runs, as long as the program is there.
pub(super) fn own_program() -> OsString {
    static FOUND: OnceLock<Option<OwnProgram>> = OnceLock::new();
    let found = FOUND.get_or_init(OwnProgram::find).as_ref();
    found.filter(|own| own.is_in_place()).map_or_else(|| BY_PROC.into(), |own| own.path.clone().into())
}

impl OwnProgram {
    fn find() -> Option<Self> {
        let path = env::current_exe().ok()?;
        let pinned = pin(&path)?;
        let (there, runs) = (fstat(&pinned).ok()?, stat(BY_PROC).ok()?);
        ((there.st_dev, there.st_ino) == (runs.st_dev, runs.st_ino)).then_some(Self { path, pinned })
    }

    /// Whether its file was not replaced: a later version need not understand this one.
    fn is_in_place(&self) -> bool {
        let Ok(place) = find(&self.path, Last::Keep) else { return false };
        let Some(handle) = place.handle.or_else(|| pin(&place.path)) else { return false };
        match (fstat(&handle), fstat(&self.pinned)) {
            (Ok(there), Ok(runs)) => (there.st_dev, there.st_ino) == (runs.st_dev, runs.st_ino),
            _ => false,
        }
    }
}
