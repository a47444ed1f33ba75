//! A leader that dies while no broker runs, and whose pid is another process's when the next broker starts: the session is
//! over, and that process is nobody's leader.

use ck_tests::older_kernel::{FIRST_UNKNOWN, broker};
use ck_tests::{Machine, wait_until};
use std::time::Duration;

const BROKER: &[&str] = &["/usr/sbin/ck-broker"];

fn is_recognised(broker: &[&str], distance: &str) {
    let mut machine = Machine::installed();
    machine.start_broker_by(broker, &[]);
    let program = std::fs::read(env!("CARGO_BIN_EXE_pid-reuse")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/pid-reuse", program, 0o755);
    let heir = machine.host.run_ok(&["pid-reuse", distance]);
    drop(machine.broker.take());
    assert!(machine.has_alices(), "nobody has seen the end of the session yet");
    machine.start_broker_by(broker, &[]);
    let log = machine.broker().stderr();
    assert!(log.contains("serving 0 sessions"), "{log}");
    machine.await_nothing_left();
    assert!(machine.host.run(&["kill", &heir]).status.success(), "the process was harmed");
    wait_until(Duration::from_secs(10), "it ends", || {
        !machine.host.run(&["kill", "-0", &heir]).status.success()
    });
}

#[test]
fn the_leader_is_told_from_who_has_its_pid() {
    is_recognised(BROKER, "far");
}

/// As before Linux 6.9.
#[test]
fn the_leader_is_told_from_who_has_its_pid_by_its_start() {
    is_recognised(&broker(FIRST_UNKNOWN[0].1), "far");
}

/// Started within the same tick: by the inode of its pidfd.
#[test]
fn the_leader_is_told_from_who_has_its_pid_and_its_start() {
    if pidfs() {
        is_recognised(BROKER, "near");
    }
}

/// Linux 6.9 and later: a pidfd's inode is there to be looked at, and is not that of all others.
fn pidfs() -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(6), Some(9))
}
