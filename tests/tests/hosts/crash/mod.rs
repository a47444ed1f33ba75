//! kill -9 of the broker at every system call of whatever it does: the next broker keeps who lives, ends who does not, and
//! nothing is left behind. The same for the process that writes the files for libsystemd, which the broker replaces. The program `crash` does it in the host, and looks; here is what it is told to do.

mod calls;
mod thousand;

use std::time::Duration;

use ck_tests::{CANARY, Machine};

/// A host with the program, runtime directories of a kind, and a canary.
fn machine(kind: &str) -> Machine {
    let machine = Machine::installed();
    let program = std::fs::read(env!("CARGO_BIN_EXE_crash")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/crash", program, 0o755);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck", CANARY]);
    machine.host.write_file("/etc/ck/broker.toml", format!("[runtime_dir]\nkind = \"{kind}\"\n"), 0o644);
    machine.host.run_ok(&["sh", "-c", "cp -a /etc/. /canary"]);
    machine
}

/// Runs the program, which must not change the canary; returns what it printed.
fn run(machine: &Machine, arguments: &[&str], limit: Duration) -> String {
    let fingerprint = "cd /canary && find . -printf '%p %y %m %U %G %s %T@ %l\\n' | sort | sha256sum";
    let before = machine.host.run_ok(&["sh", "-c", fingerprint]);
    let output = machine.host.run_within(limit, &[&["crash"], arguments].concat());
    assert!(output.status.success(), "{}{}", output.stdout, output.stderr);
    assert_eq!(machine.host.run_ok(&["sh", "-c", fingerprint]), before, "the canary was changed");
    output.stdout
}

/// Runs `crash KIND CROWD MOST`.
fn crash(kind: &str, crowd: usize, most: &str, limit: Duration) -> String {
    run(&machine(kind), &[kind, &crowd.to_string(), most], limit)
}
