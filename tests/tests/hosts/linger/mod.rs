//! Users who keep their runtime directory without a session, from the system's start on.

mod asking;
mod staying;

use std::time::Duration;

use ck_tests::Machine;
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);
const KINDS: [&str; 2] = ["tmpfs", "directory"];
/// What is written down of alice.
const RECORD: &str = "/var/lib/ck/linger/2001";

/// A machine whose broker makes directories of that kind, and has not been started.
fn installed(kind: &str) -> Machine {
    let machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", format!("[runtime_dir]\nkind = \"{kind}\"\n"), 0o644);
    machine
}

fn up(kind: &str) -> Machine {
    let mut machine = installed(kind);
    machine.start_broker(&[]);
    machine
}

fn end_broker(machine: &mut Machine, signal: Signal) {
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(signal);
    assert!(broker.wait(SOON).is_some(), "the broker ends");
}

/// Who lingers.
fn lingerers(machine: &Machine) -> Vec<Value> {
    let listed = machine.host.run_ok(&["ckctl", "linger", "list", "--json"]);
    serde_json::from_str(&listed).expect("an array")
}

fn users(machine: &Machine) -> Value {
    let status = machine.host.run_ok(&["ckctl", "status", "--json"]);
    serde_json::from_str::<Value>(&status).expect("JSON")["users"].clone()
}
