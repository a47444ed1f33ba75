//! Sessions that nobody closes: whoever is killed, the session ends and the directory goes.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn killing_the_ssh_client() {
    let machine = Machine::up();
    let client = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 60"]);
    machine.await_sessions(1);
    client.signal(Signal::KILL);
    machine.await_nothing_left();
}

#[test]
fn killing_the_monitor_of_sshd() {
    let machine = Machine::up();
    let _client = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 60"]);
    machine.await_sessions(1);
    let leader = machine.session()["leader_pid"].to_string();
    assert!(machine.host.run_ok(&["ps", "-o", "args=", "-p", &leader]).starts_with("sshd: alice [priv]"));
    machine.host.run_ok(&["kill", "-9", &leader]);
    wait_until(SOON, "the directory is gone", || !machine.has_alices());
    machine.await_nothing_left();
}

#[test]
fn killing_login() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-f", "alice"]);
    login.expect("$ ", SOON);
    assert_eq!(machine.session()["leader_pid"], login.pid());
    login.signal(Signal::KILL);
    machine.await_nothing_left();
}

#[test]
fn hanging_up_on_login() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-f", "alice"]);
    login.expect("$ ", SOON);
    login.hangup();
    machine.await_nothing_left();
}

#[test]
fn a_leader_that_was_killed_ends_only_its_own_session() {
    let machine = Machine::up();
    let _first = machine.host.spawn(&["ssh", "alice@127.0.0.1", "touch $XDG_RUNTIME_DIR/here; sleep 60"]);
    machine.await_sessions(1);
    let _second = machine.host.spawn(&["su", "-l", "alice", "-c", "sleep 60"]);
    machine.await_sessions(2);
    let leader = machine.sessions()[1]["leader_pid"].to_string();
    machine.host.run_ok(&["kill", "-9", &leader]);
    machine.await_sessions(1);
    assert_eq!(machine.session()["service"], "sshd");
    wait_until(SOON, "the other's file", || machine.host.metadata("/run/user/2001/here").is_some());
}

/// What this project was born from: many sessions that end at once, and a daemon that spins.
#[test]
fn a_thousand_leaders_that_die_at_once() {
    const COUNT: usize = 1000;
    let machine = Machine::up();
    let descriptors = || {
        // A connection of ckctl's that has just ended may still be open.
        std::thread::sleep(Duration::from_millis(200));
        machine.host.run_ok(&["ls", &format!("/proc/{}/fd", machine.broker().pid())]).lines().count()
    };
    let open_before = descriptors();
    // A thousand at once on a busy machine: none of them is to give the broker up.
    let patient = "s/pam_ck.so.*/pam_ck.so timeout=60000/";
    machine.host.run_ok(&["sed", "-i", patient, "/etc/pam.d/common-session"]);
    let start = format!("for i in $(seq {COUNT}); do su alice -s /bin/sh -c 'exec sleep 1000' & done; wait");
    let _leaders = machine.host.spawn(&["sh", "-c", &start]);
    wait_until(Duration::from_secs(120), "all are logged in", || machine.sessions().len() == COUNT);
    let before = machine.broker_ticks();

    machine.host.run_ok(&["pkill", "-9", "-x", "su"]);
    wait_until(SOON, "the directory is gone", || !machine.has_alices());
    machine.await_nothing_left();

    let log = machine.broker().stderr();
    let mut ended: Vec<&str> = log.lines().filter(|line| line.contains(" ended")).collect();
    assert_eq!(ended.len(), COUNT, "each session ends once");
    ended.sort_unstable();
    ended.dedup();
    assert_eq!(ended.len(), COUNT, "no session ends twice");
    assert_eq!(log.lines().filter(|line| line.ends_with("user alice (2001) has left")).count(), 1);

    assert_eq!(descriptors(), open_before, "descriptors were left open");
    let after = machine.broker_ticks();
    assert!(after - before < 200, "the end of {COUNT} sessions took {} ticks", after - before);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(machine.broker_ticks(), after, "the broker is not idle");

    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "test -d $XDG_RUNTIME_DIR"]);
    machine.await_nothing_left();
}

#[test]
fn an_idle_broker_does_nothing() {
    let machine = Machine::up();
    let _held = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 60"]);
    machine.await_sessions(1);
    // Connections that were just used run out within this time.
    std::thread::sleep(Duration::from_secs(1));
    let switches = || {
        let status = machine.host.read_file(&format!("/proc/{}/status", machine.broker().pid()));
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).expect("a count");
        line.to_owned()
    };
    let before = switches();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(switches(), before, "it woke up");
}
