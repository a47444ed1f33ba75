//! `ckctl lock` and `unlock`: how many of the owner's programs have heard of it.

use ck_tests::{Machine, Running, wait_until};
use serde_json::{Value, json};

use super::SOON;

/// A program of the user's that subscribes.
fn listener(machine: &Machine, uid: &str) -> Running {
    let watch = machine.host.spawn(&["setpriv", &format!("--reuid={uid}"), "ckctl", "watch"]);
    wait_until(SOON, "the snapshot is shown", || watch.stdout().contains("changes follow\n"));
    watch
}

fn told(machine: &Machine, verb: &str) -> Value {
    let said = machine.host.run(&["ckctl", verb, "1", "--json"]);
    assert_eq!((said.status.code(), said.stderr.as_str()), (Some(0), ""));
    let said: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(said["sessions"], 1);
    said["requests"].clone()
}

fn request(told: u64) -> Value {
    json!([{ "id": "1", "uid": 2001, "user": "alice", "told": told }])
}

#[test]
fn only_programs_of_the_owner_count() {
    let machine = Machine::up();
    let _alice = machine.host.spawn(&["su", "alice", "-c", "exec sleep 100"]);
    machine.await_sessions(1);
    // Root's hears of it too. It is not one of alice's that could lock her session.
    let (root, _bob) = (listener(&machine, "0"), listener(&machine, "2002"));
    let nobody = machine.host.run(&["ckctl", "lock", "1"]);
    assert_eq!((nobody.status.code(), nobody.stdout.as_str()), (Some(0), ""));
    assert!(
        nobody
            .stderr
            .starts_with("ckctl: session 1 of alice (2001): no program of the user was told to lock it"),
        "{}",
        nobody.stderr
    );
    assert_eq!(told(&machine, "unlock"), request(0));

    let first = listener(&machine, "2001");
    assert_eq!(
        machine.host.run_ok(&["ckctl", "lock", "1"]),
        "session 1 of alice (2001): 1 of the user's programs was told to lock it"
    );
    let second = listener(&machine, "2001");
    assert_eq!(told(&machine, "lock"), request(2));
    assert_eq!(told(&machine, "unlock"), request(2));
    for (watch, locks) in [(&root, 3), (&first, 2), (&second, 1)] {
        let heard = |word: &str| {
            watch.stdout().matches(&format!("session 1 of alice (2001) is to be {word}\n")).count()
        };
        wait_until(SOON, "all was heard", || heard("locked") == locks && heard("unlocked") >= 1);
    }
    drop(first);
    wait_until(SOON, "it is gone", || told(&machine, "lock") == request(1));
}
