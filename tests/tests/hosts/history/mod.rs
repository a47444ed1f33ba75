//! Who came and went: what the broker writes down, whatever becomes of the file, and what `ckctl history` makes of it.

mod clocks;
mod file;
mod readers;
mod told;
mod writer;

use std::time::Duration;

use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(20);
const FILE: &str = "/var/log/ck/history.jsonl";
const BEFORE: &str = "/var/log/ck/history.jsonl.1";
/// The longest line, with its line feed.
const LONGEST: usize = 480;

/// The lines of a file of the history, each of which is an object, and short.
fn lines_of(machine: &Machine, file: &str) -> Vec<Value> {
    let text = machine.host.read_file(file);
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is cut: {text}");
    let parse = |line: &str| {
        assert!(line.len() < LONGEST, "{} bytes: {line}", line.len());
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    text.lines().map(parse).collect()
}

/// The events in the file, in short.
fn events(machine: &Machine) -> Vec<String> {
    let event = |line: Value| line["event"].as_str().expect("an event").to_owned();
    lines_of(machine, FILE).into_iter().map(event).collect()
}

/// Waits until there are so many lines with that event.
fn await_events(machine: &Machine, event: &str, count: usize) {
    let found = || machine.host.run(&["grep", "-c", &format!("\"event\":\"{event}\""), FILE]).stdout;
    wait_until(SOON, &format!("{count} lines with {event}"), || found().trim() == count.to_string());
}

/// What an ordinary user sees by `ckctl history`.
fn history(machine: &Machine, arguments: &[&str]) -> String {
    let bob = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl", "history"];
    machine.host.run_ok(&[&bob[..], arguments].concat())
}

/// The same as values.
fn stays(machine: &Machine, arguments: &[&str]) -> Vec<Value> {
    let text = history(machine, &[&["--json"], arguments].concat());
    text.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

/// What the only session in it is like.
fn states(machine: &Machine) -> Vec<String> {
    stays(machine, &[]).iter().map(|stay| stay["state"].as_str().expect("a state").to_owned()).collect()
}

/// A session of the user's.
fn held(machine: &Machine, user: &str) -> Running {
    let before = machine.sessions().len();
    let held = machine.host.spawn(&["su", user, "-c", "exec sleep 120"]);
    machine.await_sessions(before + 1);
    held
}

fn end_broker(machine: &mut Machine, signal: Signal) {
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(signal);
    assert!(broker.wait(SOON).is_some(), "the broker ends");
}

/// The process that writes: the broker's child.
fn writer(machine: &Machine) -> String {
    let pid = machine.broker().pid();
    machine.host.run(&["pgrep", "-x", "ck-history", "-P", &pid.to_string()]).stdout.trim().to_owned()
}

/// Somebody logs in and out.
fn visit(machine: &Machine) {
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
}
