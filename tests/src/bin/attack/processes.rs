//! What a user may do to processes.

use std::fs;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::ready;

/// The start of what /proc calls the remover, which has 15 letters there.
const REMOVER: &str = "ck-remove-direc";
/// Between two looks: shorter than any remover lives that has something to do.
const PAUSE: Duration = Duration::from_millis(3);
/// Small, as there are many.
const STACK: usize = 16 * 1024;

/// Stops each process of the user's that is called like a remover, as soon as it is seen.
pub(crate) fn stop_removers() {
    ready();
    loop {
        for entry in fs::read_dir("/proc").expect("/proc").flatten() {
            let comm = fs::read_to_string(entry.path().join("comm"));
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if let (Some(pid), true) = (pid, comm.is_ok_and(|comm| comm.starts_with(REMOVER))) {
                let _ = kill_process(pid, Signal::STOP);
            }
        }
        std::thread::sleep(PAUSE);
    }
}

/// Takes all process ids that there are, and each that gets free: a thread needs one as well.
pub(crate) fn bomb(seconds: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let sleep = move || std::thread::sleep(end.saturating_duration_since(Instant::now()));
    let mut told = false;
    while Instant::now() < end {
        if std::thread::Builder::new().stack_size(STACK).spawn(sleep).is_err() {
            if !told {
                ready();
                told = true;
            }
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}
