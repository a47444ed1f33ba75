//! What happens when descriptors run out.

use std::time::{Duration, Instant};

use ck_tests::{ALICES, Machine, wait_until};

use rustix::process::Signal;

use super::{SOON, idle_connections};

/// Lets a broker that runs open no descriptor besides those that it has.
fn bound(machine: &Machine) {
    // A connection that has just ended may still be open.
    std::thread::sleep(Duration::from_millis(200));
    let pid = machine.broker().pid().to_string();
    let open = machine.host.run_ok(&["ls", &format!("/proc/{pid}/fd")]);
    let open: Vec<u32> = open.lines().map(|fd| fd.parse().expect("a number")).collect();
    let free = (0..).find(|fd| !open.contains(fd)).expect("one that is free");
    machine.host.run_ok(&["prlimit", "--pid", &pid, &format!("--nofile={free}:")]);
}

/// They are told so at once, and go on: nobody waits for the module's deadline.
#[test]
fn logins_without_a_descriptor_go_on_at_once() {
    let machine = Machine::up();
    bound(&machine);
    for _ in 0..3 {
        let start = Instant::now();
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo in $XDG_RUNTIME_DIR"]), "in");
        assert!(start.elapsed() < Duration::from_millis(1200), "{:?}", start.elapsed());
    }
    let log = machine.host.syslog();
    assert!(log.contains("refused: the broker has no more descriptors"), "{log}");
    assert!(machine.broker().stderr().contains("raise the broker's limit"));
    let pid = machine.broker().pid().to_string();
    machine.host.run_ok(&["prlimit", "--pid", &pid, "--nofile=1024:"]);
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    machine.await_nothing_left();
}

/// Not even one to turn somebody away by: the system's own table is full.
#[test]
fn without_descriptors_the_broker_waits_instead_of_spinning() {
    let machine = Machine::up();
    let idler = idle_connections(&machine, &[], 10);
    // Below what it has: the descriptor that it gives up for a moment cannot be had again either.
    let pid = machine.broker().pid().to_string();
    machine.host.run_ok(&["prlimit", "--pid", &pid, "--nofile=4:"]);
    // Connections at both sockets, so that the loop hears of both at once.
    machine.broker().signal(Signal::STOP);
    let flood = idle_connections(&machine, &["setpriv", "--reuid=2002", "--clear-groups"], 60);
    let login = machine.host.spawn(&["su", "alice", "-c", "true"]);
    wait_until(SOON, "the login has connected", || {
        machine.host.run_ok(&["cat", "/proc/net/unix"]).matches("session.sock").count() >= 2
    });
    machine.broker().signal(Signal::CONT);
    wait_until(SOON, "they have run out", || machine.broker().stderr().contains("cannot accept connections"));
    let before = machine.broker_ticks();
    std::thread::sleep(Duration::from_secs(1));
    let spent = machine.broker_ticks() - before;
    assert!(spent < 20, "{spent} ticks in a second");
    // The login goes on without it, and the next one with it.
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    drop((idler, flood, login));
    machine.host.run_ok(&["prlimit", "--pid", &pid, "--nofile=1024:"]);
    wait_until(SOON, "logins have sessions again", || {
        machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]) == ALICES
    });
    // Each of both took both out of what the loop waits for.
    let log = machine.broker().stderr();
    assert!(!log.contains("cannot stop watching"), "{log}");
}

/// A session whose leader cannot be watched is kept, and watched as soon as that is possible.
#[test]
fn a_start_with_fewer_descriptors_ends_no_session() {
    const SESSIONS: usize = 30;
    let mut machine = Machine::up();
    let script = "touch $XDG_RUNTIME_DIR/mine; sleep 60";
    let mut logins: Vec<_> =
        (0..SESSIONS).map(|_| machine.host.spawn(&["su", "alice", "-c", script])).collect();
    machine.await_sessions(SESSIONS);
    machine.broker().signal(Signal::KILL);
    let broker = machine.host.spawn(&["prlimit", "--nofile=40:40", "/usr/sbin/ck-broker"]);
    wait_until(SOON, "a word about it", || {
        broker.stderr().contains("cannot be watched: Too many open files")
    });
    machine.broker = Some(broker);
    // Some that are watched, and some that are not yet.
    logins.drain(2..25);
    wait_until(SOON * 3, "only those are left that live", || {
        let list = machine.host.run(&["ckctl", "list", "--no-legend"]);
        list.status.success() && list.stdout.lines().count() == logins.len()
    });
    assert!(machine.host.metadata("/run/user/2001/mine").is_some(), "taken from under a live session");
    drop(logins);
    machine.await_nothing_left();
}
