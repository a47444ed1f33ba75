//! Detects whether another daemon manages runtime directories on this machine.

use ck_protocol::Pid;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The only directory in which other managers make runtime directories.
const MANAGED_ROOT: &str = "/run/user";
/// The names of these daemons in proc_pid_comm(5).
const NAMES: [&str; 3] = ["systemd-logind", "elogind", "elogind-daemon"];

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
pub fn of(root: &Path) -> Option<OtherManager> {
    if !is_managed_root(root) {
        return None;
    }
    let own = fs::read_link("/proc/self/ns/pid").ok()?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| manager(&entry.path(), &own)).next()
}

fn manager(process: &Path, namespace: &Path) -> Option<OtherManager> {
    let pid = process.file_name()?.to_str()?.parse::<i32>().ok()?;
    let name = fs::read_to_string(process.join("comm")).ok()?.trim_end().to_owned();
    let known = NAMES.contains(&name.as_str()) && fs::metadata(process).ok()?.uid() == 0;
    let here = known && fs::read_link(process.join("ns/pid")).ok()? == namespace;
    here.then_some(OtherManager { name, pid: Pid::try_from(pid).ok()? })
}

/// True if `root`, which may not exist yet, is that directory, even under another name.
fn is_managed_root(root: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    real(root) == real(Path::new(MANAGED_ROOT))
}
