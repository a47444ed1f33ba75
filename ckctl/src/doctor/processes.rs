//! Processes, as /proc shows them. Where it hides those of other users, they are not found.

use nix::unistd::Pid;
use std::{fs, os::unix::fs::MetadataExt, path::PathBuf};

/// The parent of a process: its pid and its name. `None` if it is not visible, as from another pid namespace.
pub(super) fn parent(pid: u32) -> Option<(u32, String)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()?;
    if parent == 0 {
        return None;
    }
    Some((parent, name(parent)?))
}

/// Whether a process is in the cgroup of a service of systemd: proc_pid_cgroup(5).
pub(super) fn is_of_unit(pid: u32) -> bool {
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    cgroups.lines().any(|line| line.ends_with(".service"))
}

/// The daemons of root with one of these names, in our own pid namespace: a daemon in a container manages what is in the
/// container, and users can give their processes any name.
pub(super) fn daemons(names: &[&str]) -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let own = namespace(Pid::this().as_raw().unsigned_abs());
    let is_one = |pid: u32| {
        let name = name(pid)?;
        let is_roots = || fs::metadata(format!("/proc/{pid}")).is_ok_and(|process| process.uid() == 0);
        // Only root can see the namespaces of root's processes. Then the name has to do.
        let is_here = || namespace(pid).is_none() || namespace(pid) == own;
        (names.contains(&name.as_str()) && is_roots() && is_here()).then_some(name)
    };
    pids.filter_map(is_one).collect()
}

/// `comm` of proc_pid_comm(5), of at most 15 bytes.
fn name(pid: u32) -> Option<String> {
    let comm = fs::read(format!("/proc/{pid}/comm")).ok()?;
    Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
}

fn namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/pid")).ok()
}
