//! Detects whether another daemon manages runtime directories on this machine.

use crate::process::Proc;
use ck_core::model::DIRECTORY_MANAGERS;
use ck_protocol::Pid;
use std::path::{Path, PathBuf};

/// The only directory in which other managers make runtime directories.
const MANAGED_ROOT: &str = "/run/user";

/// A daemon that makes and removes directories in `/run/user`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherManager {
    /// Its name.
    pub name: String,
    /// Its pid.
    pub pid: Pid,
}

/// The other manager of the runtime directories in `root`, if there is one.
///
/// Only daemons of root in our own pid namespace count. A user can give a process any name, and a daemon in a container
/// manages the directories of the container.
#[must_use]
pub fn of(proc: &Proc, root: &Path) -> Option<OtherManager> {
    is_managed_root(root).then(|| running(proc)).flatten()
}

/// The other manager of sessions that runs, if there is one.
#[must_use]
pub fn running(proc: &Proc) -> Option<OtherManager> {
    proc.pids().ok()?.into_iter().find_map(|pid| manager(proc, pid))
}

fn manager(proc: &Proc, pid: Pid) -> Option<OtherManager> {
    let name = proc.name(pid).ok()?;
    let known = DIRECTORY_MANAGERS.contains(&name.as_str()) && proc.uid(pid).ok()? == 0;
    let here = known && proc.is_in_own_namespace(pid).ok()? && !proc.is_zombie(pid).ok()?;
    here.then_some(OtherManager { name, pid })
}

/// True if `root`, which may not exist yet, is that directory, even under another name.
fn is_managed_root(root: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    real(root) == real(Path::new(MANAGED_ROOT))
}
