//! What is measured is who is compared, and not whatever else the machine does: they, and who asks them, run ahead of
//! everything else where that is allowed. What removes files does not.

use std::process::Command;
use std::sync::OnceLock;

/// A real-time priority.
const ALL: [&str; 3] = ["chrt", "--fifo", "50"];
/// The same, that children do not inherit.
const ALONE: [&str; 4] = ["chrt", "--reset-on-fork", "--fifo", "50"];

/// What puts a program and its children ahead; nothing where that is not allowed.
pub(crate) fn all() -> &'static [&'static str] {
    if allowed() { &ALL } else { &[] }
}

/// What puts only the program ahead.
pub(crate) fn alone() -> &'static [&'static str] {
    if allowed() { &ALONE } else { &[] }
}

/// `CK_BENCH_AS_IS` says that all are to run as everything else does.
fn allowed() -> bool {
    static ALLOWED: OnceLock<bool> = OnceLock::new();
    *ALLOWED.get_or_init(|| {
        let tried = Command::new(ALL[0]).args(&ALL[1..]).arg("true").output();
        std::env::var_os("CK_BENCH_AS_IS").is_none() && tried.is_ok_and(|output| output.status.success())
    })
}
