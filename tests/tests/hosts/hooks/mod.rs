//! Hooks, as ck-hooks(7) has them: what they are told and when, and that nothing that one does or fails to do
//! harms anybody else.

mod crowd;
mod environment;
mod failures;
mod fair;
mod inside;
mod order;
mod restart;
mod waiting;

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use serde_json::Value;

const ETC: &str = "/etc/ck/run-session.d";
const LIB: &str = "/usr/lib/ck/run-session.d";
/// Where hooks write down what they were told.
const TOLD: &str = "/tmp/told";
const SOON: Duration = Duration::from_secs(20);

/// A machine whose broker is configured by `toml`, with both directories.
fn machine(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", ETC, LIB]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.start_broker(&[]);
    machine
}

/// Installs a shell script as a hook.
fn hook(machine: &Machine, path: &str, script: &str) {
    machine.host.write_file(path, format!("#!/bin/sh\n{script}\n"), 0o755);
}

/// A command that writes `words` down.
fn note(words: &str) -> String {
    format!("echo \"{words}\" >>{TOLD}")
}

/// What hooks have written down, a line each.
fn told(machine: &Machine) -> Vec<String> {
    let text = machine.host.run_ok(&["sh", "-c", &format!("cat {TOLD} 2>/dev/null || true")]);
    text.lines().map(str::to_owned).collect()
}

fn status(machine: &Machine) -> Value {
    serde_json::from_str(&machine.host.run_ok(&["ckctl", "status", "--json"])).expect("JSON")
}

/// Waits until no hook runs or waits.
fn await_hooks(machine: &Machine, limit: Duration) {
    wait_until(limit, "all hooks have run", || {
        let status = status(machine);
        status["hooks_running"] == 0 && status["hooks_waiting"] == 0
    });
}

/// A command that does nothing, in a session of alice's.
fn come_and_go(machine: &Machine) {
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
}

/// The broker, of which nobody wants anything, does nothing, and sleeps without a timer.
fn assert_sleeps(machine: &Machine) {
    // Connections that were just used run out within this time.
    std::thread::sleep(Duration::from_secs(1));
    let switches = || {
        let status = machine.host.read_file(&format!("/proc/{}/status", machine.broker().pid()));
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).expect("a count");
        line.to_owned()
    };
    let before = (switches(), machine.broker_ticks());
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!((switches(), machine.broker_ticks()), before, "the broker woke up, or never slept");
}

fn descriptors(machine: &Machine) -> usize {
    // A connection of ckctl's that has just ended may still be open.
    std::thread::sleep(Duration::from_millis(200));
    // The programs of hooks are kept open, so that looking them up asks no directory: no more than there are.
    let all = format!("/proc/{}/fd", machine.broker().pid());
    machine.host.run_ok(&["find", &all, "-type", "l", "!", "-lname", "*.ck"]).lines().count()
}
