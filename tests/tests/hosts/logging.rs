//! Where messages go: standard error is in the other tests; here is the system's log.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

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

/// A serial console that is paused (Ctrl-S), or any terminal that nobody reads, takes a part of a line and then no more.
#[test]
fn a_terminal_that_stands_still_holds_nobody_up() {
    const ON_TERMINAL: &str = r#"
        $^F = 100; # descriptors stay open
        open(my $master, "+<", "/dev/ptmx") or die;
        my $number = my $unlocked = pack("i", 0);
        ioctl($master, 0x40045431, $unlocked) or die; ioctl($master, 0x80045430, $number) or die;
        open(STDERR, ">", "/dev/pts/" . unpack("i", $number)) or die; exec @ARGV or die"#;
    let mut machine = Machine::installed();
    machine.start_broker_by(&["perl", "-e", ON_TERMINAL, "/usr/sbin/ck-broker"], &[]);
    // What hooks print is logged. It is more than a terminal takes, in lines that are longer than what room it reports.
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    let hook = "#!/bin/sh\nline=$(head -c 900 /dev/zero | tr '\\0' x)\nfor n in $(seq 15); do echo $line; done\necho >>/tmp/ran\n";
    machine.host.write_file("/etc/ck/run-session.d/x.ck", hook, 0o755);
    let ran = || machine.host.run_ok(&["sh", "-c", "cat /tmp/ran 2>/dev/null | wc -l"]);
    for _ in 0..10 {
        machine.host.run_ok(&["su", "alice", "-c", "true"]);
        machine.host.run_ok(&["ckctl"]);
    }
    wait_until(SOON, "hooks have run", || ran() == "20");
    machine.host.run_ok(&["ckctl"]);
}

/// Settings are read before there is a log.
#[test]
fn a_group_of_administrators_that_does_not_exist_is_told() {
    const TOLD: &str = "there is no group ck-adnim in /etc/group";
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[admin]\ngroup = \"ck-adnim\"\n", 0o644);
    machine.start_broker(&[]);
    let status = || machine.host.run_ok(&["ckctl", "status"]);
    assert!(machine.broker().stderr().contains(TOLD) && status().contains(TOLD), "{}", status());
    machine.host.run_ok(&["groupadd", "ck-adnim"]);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "all is well", || status().contains("all is well"));
}
