//! The boot that the state is of. Where `/run` survives a reboot, or the restart of a container, the pids in the records are those of
//! other processes by now.

use crate::{
    process::Proc,
    state_files::{self, StoreError},
};
use ck_protocol::Pid;
use std::path::Path;

/// The random id of a boot (proc_sys_kernel(5)). Containers share it with their host.
const BOOT_ID: &str = "sys/kernel/random/boot_id";
/// The maximum size of the file, in bytes.
const MAX_SIZE: usize = 256;

/// A boot of this machine, or of this container: the boot of the kernel, the pid namespace, and the start of its first process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot(String);

impl Boot {
    /// The current one. `None` if /proc does not tell.
    #[must_use]
    pub fn current(proc: &Proc) -> Option<Self> {
        let id = String::from_utf8(proc.read(BOOT_ID).ok()?).ok()?;
        let namespace = proc.own_pid_namespace().ok()?;
        let started = proc.started(Pid::try_from(1).ok()?)?;
        Some(Self(format!("{} {} {started}\n", id.trim(), namespace.display())))
    }

    /// True if the state at `path` is of another boot. Without a file it is of this one: a broker of an earlier release wrote none.
    pub(super) fn differs_from(&self, path: &Path) -> bool {
        state_files::read(path, MAX_SIZE).is_ok_and(|written| written != self.0.as_bytes())
    }

    /// Writes that the state is of this boot. The old file goes first: without one, no record is taken for an old one.
    pub(super) fn write(&self, path: &Path) -> Result<(), StoreError> {
        state_files::remove(path)?;
        state_files::replace(path, self.0.as_bytes())
    }
}
