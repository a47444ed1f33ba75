//! Whose session it is: nobody ends one that is not theirs, and none ends twice.

use ck_protocol::{Reply, SessionId, SessionRef, SessionRequest, Token};
use ck_tests::{Machine, wait_until};

use super::{SOON, apply, ask, install_application, module_lines};

fn close(session: SessionRef) -> SessionRequest {
    SessionRequest::Close(session)
}

/// How often the broker has said that this session ended.
fn ends(machine: &Machine, id: u64) -> usize {
    let line = format!("session {id} of alice (2001) ended");
    machine.broker().stderr().lines().filter(|logged| logged.contains(&line)).count()
}

/// A machine, and a session of alice's on it with the id 1.
fn with_session() -> (Machine, ck_tests::Running) {
    let machine = Machine::up();
    install_application(&machine, "");
    let words = ["pam-application", "ck-test", "alice", "open", "await", "/tmp/out", "close"];
    let held = machine.host.spawn(&words);
    machine.await_sessions(1);
    (machine, held)
}

#[test]
fn a_second_close_is_none() {
    let machine = Machine::up();
    install_application(&machine, "");
    let told = apply(&machine, &["close", "open", "close", "close", "open", "close"]);
    let calls: Vec<&str> =
        told.lines().filter_map(|line| line.rsplit_once(' ')).map(|(call, _)| call).collect();
    assert_eq!(calls, ["close 0", "open 0", "close 0", "close 0", "open 0", "close 0"]);
    machine.await_nothing_left();
    assert_eq!((ends(&machine, 1), ends(&machine, 2), ends(&machine, 3)), (1, 1, 0));
    assert_eq!(module_lines(&machine), [""; 0]);
}

/// Two logins in one process, as a display manager may have them.
#[test]
fn a_handle_closes_its_own_session_only() {
    let machine = Machine::up();
    install_application(&machine, "");
    let words = ["open", "other", "open", "close", "close", "spawn", "echo >/tmp/one", "await", "/tmp/out"];
    let held = machine.host.spawn(&[&["pam-application", "ck-test", "alice"], &words[..]].concat());
    wait_until(SOON, "one of two is closed", || machine.host.metadata("/tmp/one").is_some());
    assert_eq!(machine.session()["id"], "1");
    assert_eq!((ends(&machine, 1), ends(&machine, 2)), (0, 1));
    assert!(machine.has_alices());
    drop(held);
    machine.await_nothing_left();
}

#[test]
fn what_has_ended_or_never_was_ends_nothing() {
    let (machine, held) = with_session();
    apply(&machine, &["open", "close"]);
    let token = Token::new([7; 16]);
    for stale in [
        SessionRef::Id(SessionId::new(2)),
        SessionRef::Id(SessionId::new(2)),
        SessionRef::Id(SessionId::new(999)),
        SessionRef::Id(SessionId::new(u64::MAX)),
        SessionRef::Token(token),
    ] {
        assert_eq!(ask(&machine, &close(stale)), Reply::Closed, "{stale:?}");
    }
    assert_eq!(machine.session()["id"], "1");
    assert_eq!((ends(&machine, 1), ends(&machine, 2)), (0, 1));
    // Nor does a session that came later answer to the id of one that ended.
    apply(
        &machine,
        &["open", "spawn", "ckctl list --json >/tmp/listed; echo >/tmp/done", "await", "/tmp/done"],
    );
    assert!(machine.host.read_file("/tmp/listed").contains("\"id\": \"3\""));
    drop(held);
    machine.await_nothing_left();
}

/// Root can end any session by its id, as it can kill any leader. Its holder's own close then finds nothing to do.
#[test]
fn a_session_that_root_has_closed_does_not_end_again() {
    let (machine, mut held) = with_session();
    assert_eq!(ask(&machine, &close(SessionRef::Id(SessionId::FIRST))), Reply::Closed);
    machine.await_nothing_left();
    machine.host.write_file("/tmp/out", "", 0o644);
    assert!(held.wait(SOON).expect("it ends").success());
    assert!(held.stdout().contains("close 0 "), "{}", held.stdout());
    assert_eq!((ends(&machine, 1), module_lines(&machine).len()), (1, 0));
    machine.await_nothing_left();
}
