//! Who listens learns of every change, whoever does not listen any more holds nobody up.

mod locks;
mod replay;
mod stalled;
mod watch;

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use serde_json::Value;

const SUBSCRIBER: &str = env!("CARGO_BIN_EXE_subscriber");
const SOON: Duration = Duration::from_secs(20);

/// Puts the program that subscribes on the host.
fn install_subscriber(machine: &Machine) {
    let program = std::fs::read(SUBSCRIBER).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/subscriber", program, 0o755);
}

/// Waits until there are so many subscribers.
fn await_subscribers(machine: &Machine, count: usize) {
    wait_until(SOON, &format!("{count} subscribers"), || {
        let status: Value =
            serde_json::from_str(&machine.host.run_ok(&["ckctl", "status", "--json"])).expect("JSON");
        status["subscribers"] == count
    });
}
