//! What processes take: memory, and turns on the processor.

use std::fs;

use serde::{Deserialize, Serialize};

/// Of one process.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Vitals {
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// Resident, in KiB, and the part of that which is its share.
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    /// What of it is no file's: its data, and not its program and libraries.
    pub(crate) anonymous: u64,
    /// Times that it went to sleep or was sent away: an idle process that wakes up goes to sleep again.
    pub(crate) switches: u64,
}

/// Of all processes of those names.
pub(super) fn of(names: &[&str]) -> Vec<Vitals> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| read(pid, names)).collect()
}

fn read(pid: u32, names: &[&str]) -> Option<Vitals> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned();
    if !names.contains(&name.as_str()) {
        return None;
    }
    let memory = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let switches = field(&status, "voluntary_ctxt_switches") + field(&status, "nonvoluntary_ctxt_switches");
    let of = |name| field(&memory, name);
    Some(Vitals { name, pid, rss: of("Rss"), pss: of("Pss"), anonymous: of("Anonymous"), switches })
}

fn field(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.split_whitespace().next()?.parse().ok()).expect("a field of /proc")
}
