//! A name service that does not answer: whoever asks it waits, and the broker never asks.

use ck_protocol::{Open, Opened, Reply, SessionRequest, Token, UserName};
use ck_tests::{ALICES, Machine, wait_until, wire};

use super::{SOON, ask};

/// From now on everybody who looks up a user waits, until [`recover`].
fn stall(machine: &Machine) {
    machine.host.run_ok(&["sh", "-c", "mv /etc/passwd /etc/passwd.real && mkfifo -m 644 /etc/passwd"]);
    // The name service cache, too, if there was one.
    let lookup = machine.host.run(&["timeout", "0.5", "getent", "passwd", "alice"]);
    assert_eq!(lookup.status.code(), Some(124), "the name service answers: {lookup:?}");
}

fn recover(machine: &Machine) {
    machine.host.run_ok(&["mv", "/etc/passwd.real", "/etc/passwd"]);
}

fn open(user: &str, uid: u32) -> SessionRequest {
    SessionRequest::Open(Box::new(Open {
        user: UserName::clipped(user),
        ..wire::login(uid, Token::new([9; 16]))
    }))
}

/// For longer than the 60 s that a directory server may take: for ever.
#[test]
fn a_name_service_that_stands_still_is_nothing_to_the_broker() {
    let mut machine = Machine::up();
    let held = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/file; exec sleep 60"]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/file").is_some());
    stall(&machine);
    // Whoever looks up users waits before the module has its turn; this one's host has done so.
    let waiting = machine.host.spawn(&["su", "alice", "-c", "true"]);

    // A user whom nobody can look up: all that there is to know comes with the request.
    let Reply::Opened(Opened { runtime_dir, .. }) = ask(&machine, &open("carol", 3003)) else {
        panic!("refused")
    };
    assert_eq!(runtime_dir.expect("a directory").as_str(), "/run/user/3003");
    // Its process has ended by now.
    machine.await_sessions(1);
    for command in
        [&["ckctl"][..], &["ckctl", "show", "1"], &["ckctl", "status"], &["ckctl", "teardown", "list"]]
    {
        machine.host.run_ok(command);
    }
    // Neither a logout with its teardown, nor a start with live sessions, looks anybody up.
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(rustix::process::Signal::KILL);
    assert!(broker.wait(SOON).is_some());
    machine.start_broker(&[]);
    assert_eq!(machine.session()["user"], "alice");
    held.signal(rustix::process::Signal::KILL);
    machine.await_nothing_left();
    assert!(!waiting.is_over(), "the name service stood still all the time");
    assert!(!machine.has_alices());
    drop(waiting);

    recover(&machine);
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]), ALICES);
    machine.await_nothing_left();
}
