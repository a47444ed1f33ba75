//! Ending sessions: the leader ends, and through it the session.

use std::time::{Duration, Instant};

use ck_tests::{Machine, Running, wait_until};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);
/// How long a leader has before it is killed, as `ck-broker/src/sessions/leaders.rs` has it.
const GRACE: Duration = Duration::from_secs(5);

fn json(machine: &Machine, command: &[&str]) -> Value {
    serde_json::from_str(&machine.host.run_ok(command)).expect("JSON")
}

#[test]
fn by_id_the_login_is_cut_off_and_nothing_is_left() {
    let machine = Machine::up();
    let mut client = machine.host.spawn(&["ssh", "alice@127.0.0.1", "touch $XDG_RUNTIME_DIR/x; sleep 1000"]);
    let _other = machine.host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    machine.await_sessions(2);
    let id =
        machine.sessions().iter().find(|session| session["user"] == "alice").expect("hers")["id"].clone();
    assert_eq!(json(&machine, &["ckctl", "terminate", id.as_str().expect("an id"), "--json"])["sessions"], 1);
    assert!(!client.wait(SOON).expect("ssh ends").success());
    machine.await_sessions(1);
    wait_until(SOON, "the directory is gone", || !machine.has_alices());
    assert_eq!(machine.session()["user"], "bob");
    assert_eq!(machine.host.run_ok(&["ckctl", "terminate", "--user", "2002"]), "");
    machine.await_nothing_left();
}

#[test]
fn by_user_all_of_theirs_end_and_no_others() {
    let machine = Machine::up();
    let held: Vec<_> = ["alice", "alice", "bob", "alice"]
        .map(|user| machine.host.spawn(&["su", user, "-c", "sleep 1000"]))
        .into();
    machine.await_sessions(4);
    assert_eq!(json(&machine, &["ckctl", "terminate", "--user", "alice", "--json"])["sessions"], 3);
    machine.await_sessions(1);
    assert_eq!(machine.session()["user"], "bob");
    drop(held);
    machine.await_nothing_left();
}

#[test]
fn what_is_not_there_is_named_and_keeps_no_other_alive() {
    let machine = Machine::up();
    let _held = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    machine.await_sessions(1);
    let output = machine.host.run(&["ckctl", "terminate", "77", "1", "78"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.contains("id 77:") && output.stderr.contains("id 78:"), "{}", output.stderr);
    machine.await_nothing_left();
    for (arguments, code, word) in [
        (&["--user", "alice"][..], 1, "2001"),
        (&["--user", "nobody-here"], 1, "unknown user `nobody-here`"),
        (&["one"], 2, "invalid"),
        (&[], 2, "needs session ids or --user USER"),
        (&["--user", "alice", "1"], 2, "cannot be used"),
    ] {
        let output = machine.host.run(&[&["ckctl", "terminate"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(output.stderr.contains(word), "{arguments:?}: {}", output.stderr);
    }
}

#[test]
fn a_leader_that_does_not_end_is_killed_after_its_grace() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-f", "alice"]);
    login.expect("$ ", SOON);
    let leader = machine.session()["leader_pid"].to_string();
    // Stopped, it cannot act upon SIGTERM.
    machine.host.run_ok(&["kill", "-STOP", &leader]);
    let start = Instant::now();
    machine.host.run_ok(&["ckctl", "terminate", "1"]);
    // Once more is no other deadline. On a busy machine the session may be gone by then.
    machine.host.run(&["ckctl", "terminate", "1"]);
    machine.await_sessions(0);
    assert!(start.elapsed() >= GRACE - Duration::from_millis(100), "{:?}", start.elapsed());
    assert!(machine.broker().stderr().contains("is killed"));
    machine.await_nothing_left();
}

/// Starts a PAM application, the leader of what it opens, that does what `words` say.
fn application(machine: &Machine, words: &[&str]) -> Running {
    machine.install_application("ck-test", "session optional pam_ck.so\n");
    machine.host.spawn(&[&["pam-application", "ck-test", "alice"], words].concat())
}

/// Whoever opens several sessions in one process is not to lose all by the end of one.
#[test]
fn a_leader_of_several_sessions_lives_as_long_as_one_of_them() {
    let machine = Machine::up();
    let leader = application(&machine, &["open", "other", "open", "await", "/tmp/never"]);
    machine.await_sessions(2);
    machine.host.run_ok(&["ckctl", "terminate", "1"]);
    machine.await_sessions(1);
    assert_eq!(machine.session()["id"], "2");
    assert!(!leader.is_over() && machine.has_alices());
    machine.host.run_ok(&["ckctl", "terminate", "2"]);
    machine.await_nothing_left();
    wait_until(SOON, "the leader ends", || leader.is_over());
}

#[test]
fn a_leader_that_has_become_a_user_ends_too() {
    let machine = Machine::up();
    let script = "exec setpriv --reuid=2001 --regid=2001 --clear-groups sleep 1000";
    let leader = application(&machine, &["open", "exec", script]);
    machine.await_sessions(1);
    wait_until(SOON, "it is alice", || {
        machine.host.run(&["pgrep", "-xu", "alice", "sleep"]).status.success()
    });
    machine.host.run_ok(&["ckctl", "terminate", "1"]);
    machine.await_nothing_left();
    wait_until(SOON, "the leader ends", || leader.is_over());
}

/// Only the leader ends; what the user has left running goes on, in no session.
#[test]
fn children_that_stay_keep_neither_the_session_nor_the_directory() {
    let machine = Machine::up();
    let script =
        "trap '' TERM HUP; setsid sleep 1000 <&- >&- 2>&- & touch $XDG_RUNTIME_DIR/x; wait; sleep 1000";
    let _held = machine.host.spawn(&["su", "alice", "-s", "/bin/bash", "-c", script]);
    wait_until(SOON, "the script runs", || machine.host.metadata("/run/user/2001/x").is_some());
    machine.host.run_ok(&["ckctl", "terminate", "1"]);
    machine.await_nothing_left();
    assert_eq!(machine.host.run_ok(&["sh", "-c", "pgrep -cx sleep -u alice || :"]), "1");
}
