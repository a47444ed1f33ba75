//! Sockets that a service manager holds: who logs in while no broker runs waits for the next one.

use std::time::{Duration, Instant};

use ck_tests::{Machine, Running, wait_until};

const MANAGER: &str = env!("CARGO_BIN_EXE_service-manager");
const PEER: &str = env!("CARGO_BIN_EXE_hostile-peer");
const BROKER: &str = "/usr/sbin/ck-broker";
const SOON: Duration = Duration::from_secs(20);
/// How long there is no broker, each time: less than a login waits, and long enough to be seen.
const PAUSE: Duration = Duration::from_millis(600);
/// So long that much can be done meanwhile.
const LONG_PAUSE: Duration = Duration::from_secs(4);
/// Says who one is, and whether one's directory is there.
const LOOK: &str = "echo $XDG_SESSION_ID; test -w $XDG_RUNTIME_DIR";

fn start(machine: &Machine, kind: &str, pause: Duration) -> Running {
    let program = std::fs::read(MANAGER).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/service-manager", program, 0o755);
    let pause = pause.as_millis().to_string();
    machine.host.spawn(&["/usr/local/bin/service-manager", kind, &pause, BROKER])
}

fn broker(machine: &Machine) -> String {
    machine.host.run(&["pidof", "ck-broker"]).stdout.trim().to_owned()
}

/// Logs in, and returns the session's id and how long that took.
fn log_in(machine: &Machine) -> (u64, Duration) {
    let start = Instant::now();
    let id = machine.host.run_ok(&["su", "alice", "-c", LOOK]);
    (id.parse().expect("the id of a session"), start.elapsed())
}

#[test]
fn logins_wait_for_a_broker_that_is_started_and_for_one_that_restarts() {
    let machine = Machine::installed();
    let _manager = start(&machine, "seqpacket", PAUSE);
    wait_until(SOON, "the socket", || machine.host.metadata("/run/ck-broker/session.sock").is_some());
    let (first, _) = log_in(&machine);
    let held = machine.host.spawn(&["su", "alice", "-c", "sleep 60"]);
    machine.await_sessions(1);
    for signal in ["-KILL", "-TERM"] {
        let before = broker(&machine);
        machine.host.run_ok(&["kill", signal, &before]);
        let (id, took) = log_in(&machine);
        assert!(id > first && took >= PAUSE / 2, "session {id} after {took:?}");
        assert_ne!(broker(&machine), before);
        assert_eq!(machine.sessions().len(), 1, "a session was lost");
    }
    assert!(!machine.host.syslog().contains("logging in without a session"), "a login did not wait");
    drop(held);
    machine.await_nothing_left();
}

#[test]
fn a_socket_that_is_not_ours_to_name_keeps_its_name_and_its_mode() {
    let machine = Machine::installed();
    let _manager = start(&machine, "seqpacket", PAUSE);
    wait_until(SOON, "the broker", || machine.host.run(&["ckctl", "status"]).status.success());
    let listed = || {
        machine.host.run_ok(&[
            "stat",
            "-c",
            "%n %a %i",
            "/run/ck-broker/admin.sock",
            "/run/ck-broker/session.sock",
        ])
    };
    let before = listed();
    machine.host.run_ok(&["kill", &broker(&machine)]);
    wait_until(SOON, "it ends", || broker(&machine).is_empty());
    assert_eq!(listed(), before);
    wait_until(SOON, "the next one", || !broker(&machine).is_empty());
    log_in(&machine);
    assert_eq!(listed(), before);
    assert!(before.contains("admin.sock 666 ") && before.contains("session.sock 600 "), "{before}");
}

/// Who has connected before the kernel was asked to refuse what is pushed can push a connection whose close takes hours.
#[test]
fn what_was_pushed_before_the_broker_came_holds_nobody_up() {
    let machine = Machine::installed();
    let peer = std::fs::read(PEER).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/hostile-peer", peer, 0o755);
    let _manager = start(&machine, "seqpacket", LONG_PAUSE);
    wait_until(SOON, "the socket", || machine.host.metadata("/run/ck-broker/admin.sock").is_some());
    let bob = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];
    let peer = machine.host.spawn(&[&bob[..], &["/usr/local/bin/hostile-peer", "linger", "8"]].concat());
    wait_until(SOON, "they are pushed", || peer.stderr().contains("taken 8"));
    assert_eq!(broker(&machine), "", "it came too early to show anything");
    wait_until(SOON, "the broker answers", || machine.host.run(&["ckctl", "status"]).status.success());
    let (_, took) = log_in(&machine);
    assert!(took < SOON / 2, "{took:?}");
    drop(peer);
    machine.await_nothing_left();
}

#[test]
fn a_socket_of_another_kind_is_named() {
    let machine = Machine::installed();
    let manager = start(&machine, "stream", PAUSE);
    wait_until(SOON, "the broker's word", || manager.stderr().contains("ListenSequentialPacket="));
    let line = manager.stderr();
    assert!(line.contains("/run/ck-broker/session.sock"), "{line}");
    // And that keeps nobody out.
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo in"]), "in");
}
