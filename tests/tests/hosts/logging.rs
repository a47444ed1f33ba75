//! Where messages go: standard error is in the other tests; here is the system's log.

use std::time::Duration;

use ck_tests::{Machine, wait_until};

const LOAD: &str = env!("CARGO_BIN_EXE_broker-load");
const SOON: Duration = Duration::from_secs(10);

/// Lines of the log by ck-broker.
fn lines(machine: &Machine) -> Vec<String> {
    machine.host.syslog().lines().filter(|line| line.contains("ck-broker[")).map(str::to_owned).collect()
}

fn has(machine: &Machine, words: &[&str]) -> bool {
    lines(machine).iter().any(|line| words.iter().all(|word| line.contains(word)))
}

#[test]
fn messages_go_to_the_systems_log_and_nowhere_else() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    // The process that writes the history has something to complain about.
    machine.host.write_file("/etc/ck/broker.toml", "[history]\nfile = \"/dev/null/history\"\n", 0o644);
    machine.start_broker(&["--syslog"]);
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    wait_until(SOON, "a session is logged", || has(&machine, &["daemon.info", "session 1 "]));
    wait_until(SOON, "the history's complaint", || has(&machine, &["cannot keep the history"]));
    assert_eq!(machine.broker().stderr(), "");
    let pid = machine.broker().pid();
    assert!(has(&machine, &[&format!("ck-broker[{pid}]: serving 0 sessions")]), "{:?}", lines(&machine));
}

#[test]
fn why_it_does_not_start_is_told_in_both() {
    let machine = Machine::installed();
    let output = machine.host.run(&["ck-broker", "--syslog", "--runtime-root=/nowhere/user"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.contains("/nowhere/user"));
    wait_until(SOON, "the log has it", || has(&machine, &["daemon.err", "error: ", "/nowhere/user"]));
}

#[test]
fn a_log_daemon_that_stops_or_is_not_there_holds_nobody_up() {
    let mut machine = Machine::installed();
    machine.start_broker(&["--syslog"]);
    let program = std::fs::read(LOAD).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/broker-load", program, 0o755);
    // Not by su, which waits for the log daemon itself. What is logged is more than a socket takes.
    let log_in = || machine.host.run_ok(&["/usr/local/bin/broker-load", "overlap", "2001", "2", "1000"]);
    machine.host.run_ok(&["pkill", "-STOP", "-f", "busybox syslogd"]);
    log_in();
    machine.host.run_ok(&["pkill", "-KILL", "-f", "busybox syslogd"]);
    log_in();
    let before = lines(&machine).len();
    let _syslogd = machine.host.spawn(&["busybox", "syslogd", "-n", "-O", "/run/messages"]);
    wait_until(SOON, "another one is told again", || {
        machine.host.run_ok(&["su", "alice", "-c", "true"]);
        lines(&machine).len() > before
    });
    machine.await_nothing_left();
}
