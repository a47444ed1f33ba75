//! Processes that whoever asks cannot see.

use ck_tests::Machine;
use serde_json::Value;

use super::{session, ssh};

/// The only session, as `command` prints it.
fn seen(machine: &Machine, command: &[&str]) -> Value {
    let printed = machine.host.run_ok(command);
    let mut sessions: Vec<Value> = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(sessions.len(), 1, "{printed}");
    sessions.remove(0)
}

fn assert_absent(session: &Value) {
    for member in ["tty", "idle_seconds", "command"] {
        assert_eq!(session[member], Value::Null, "{session}");
    }
}

#[test]
fn what_proc_hides_is_absent_and_no_error() {
    let machine = Machine::up();
    let _login = ssh(&machine, &[], "sleep 1001");
    session(&machine, "sleep 1001");
    let bobs = ["runuser", "-u", "bob", "--", "ckctl", "list", "--json"];
    assert_eq!(seen(&machine, &bobs)["command"], "sleep 1001");
    machine.host.run_ok(&["mount", "-o", "remount,hidepid=2", "/proc"]);
    assert_absent(&seen(&machine, &bobs));
    machine.host.run_ok(&["runuser", "-u", "bob", "--", "ckctl", "show", "1"]);
    session(&machine, "sleep 1001");
}

#[test]
fn the_pids_of_another_namespace_are_not_those_of_the_sessions() {
    let machine = Machine::up();
    let _login = ssh(&machine, &[], "sleep 1001");
    session(&machine, "sleep 1001");
    let list = ["ckctl", "list", "--json"];
    for namespace in [&["unshare", "--pid", "--fork", "--mount-proc"][..], &["unshare", "--pid", "--fork"]] {
        assert_absent(&seen(&machine, &[namespace, &list].concat()));
    }
}

/// Somebody who makes processes all the time keeps nobody from the list, and changes nothing in it.
#[test]
fn processes_that_come_and_go_do_no_harm() {
    let machine = Machine::up();
    let _churn = machine.host.spawn(&["su", "bob", "-c", "while :; do (sleep 0.01 &); done"]);
    let _login = ssh(&machine, &[], "sleep 1001");
    session(&machine, "sleep 1001");
    for _ in 0..20 {
        session(&machine, "sleep 1001");
    }
}
