//! What the broker measures of its own work, and what a monitor makes of it.

mod measured;
mod prometheus;

use std::time::Duration;

use ck_tests::Machine;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);

fn status_as(machine: &Machine, command: &[&str]) -> Value {
    let words = [command, &["ckctl", "status", "--json"]].concat();
    serde_json::from_str(&machine.host.run_ok(&words)).expect("JSON")
}

fn status(machine: &Machine) -> Value {
    status_as(machine, &[])
}
