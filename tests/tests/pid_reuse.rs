//! A leader that dies while no broker runs, and whose pid is another process's when the next broker starts: the session is
//! over, and that process is nobody's leader.

use ck_tests::{Machine, wait_until};
use std::time::Duration;

fn is_recognised(distance: &str) {
    let mut machine = Machine::up();
    let program = std::fs::read(env!("CARGO_BIN_EXE_pid-reuse")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/pid-reuse", program, 0o755);
    let heir = machine.host.run_ok(&["pid-reuse", distance]);
    drop(machine.broker.take());
    assert!(machine.has_alices(), "nobody has seen the end of the session yet");
    machine.start_broker(&[]);
    let log = machine.broker().stderr();
    assert!(log.contains("serving 0 sessions"), "{log}");
    machine.await_nothing_left();
    assert!(machine.host.run(&["kill", &heir]).status.success(), "the process was harmed");
    wait_until(Duration::from_secs(10), "it ends", || {
        !machine.host.run(&["kill", "-0", &heir]).status.success()
    });
}

#[test]
fn the_leader_is_told_from_who_has_its_pid_by_its_start() {
    is_recognised("far");
}

/// By the inode of its pidfd alone: the start times are equal.
#[test]
fn the_leader_is_told_from_who_has_its_pid_and_its_start() {
    if pidfs() {
        is_recognised("near");
    }
}

/// Linux 6.9 and later: a pidfd's inode is there to be looked at, and is not that of all others.
fn pidfs() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(9))
}
