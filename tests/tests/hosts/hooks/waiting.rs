//! `wait_added`: a login that waits for hooks, and no longer than its module does.

use std::time::Instant;

use ck_tests::{ALICES, wait_until};
use rustix::process::Signal;

use super::{
    ETC, SOON, assert_sleeps, await_hooks, come_and_go, descriptors, hook, machine, note, status, told,
};

#[test]
fn a_login_waits_for_its_hooks_and_only_for_them() {
    let machine = machine("[hooks]\nwait_added = true\n");
    machine.host.run_ok(&["sh", "-c", &format!("touch {0}; chmod 644 {0}", super::TOLD)]);
    // Without a hook, it waits for nothing.
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    await_hooks(&machine, SOON);
    let script = format!("sleep 0.3; {}", note("$1"));
    hook(&machine, &format!("{ETC}/10-x.ck"), &script);
    hook(&machine, &format!("{ETC}/20-y.ck"), &script);
    let seen =
        machine.host.run_ok(&["su", "alice", "-c", &format!("cat {}; echo $XDG_RUNTIME_DIR", super::TOLD)]);
    assert_eq!(seen, format!("session_added\nsession_added\n{ALICES}"));
    await_hooks(&machine, SOON);
    assert_eq!(told(&machine).len(), 4);
    machine.await_nothing_left();
}

/// It goes on without a session, whose hooks are then told of its end.
#[test]
fn a_login_waits_no_longer_than_its_module() {
    let machine = machine("[hooks]\nwait_added = true\n");
    let before = descriptors(&machine);
    let script = format!("[ $1 = session_removed ] || sleep 5; {}", note("$1"));
    hook(&machine, &format!("{ETC}/x.ck"), &script);
    let start = Instant::now();
    let login = machine.host.spawn(&["su", "alice", "-c", "echo in $XDG_RUNTIME_DIR; sleep 100"]);
    wait_until(SOON, "the login goes on", || login.stdout() == "in\n");
    machine.await_sessions(0);
    assert_eq!(status(&machine)["hooks_running"], 1, "after {:?}", start.elapsed());
    await_hooks(&machine, SOON);
    assert_eq!(told(&machine), ["session_added", "session_removed"]);
    assert!(!login.is_over());
    drop(login);
    // Whoever dies meanwhile is not waited for either.
    let waiting = machine.host.spawn(&["su", "alice", "-c", "true"]);
    machine.await_sessions(1);
    waiting.signal(Signal::KILL);
    machine.await_sessions(0);
    await_hooks(&machine, SOON);
    machine.await_nothing_left();
    assert_eq!(told(&machine).len(), 4);
    assert_eq!(descriptors(&machine), before, "descriptors were left open");
    assert_sleeps(&machine);
}

/// The inner login's hooks have no place before the outer login's have ended, and those wait for the inner login.
#[test]
fn a_login_within_a_hook_that_a_login_waits_for() {
    let machine = machine("[hooks]\nwait_added = true\nparallel = 1\n");
    let script = format!(
        "[ $CK_SESSION_USER = alice ] && [ $1 = session_added ] && su bob -c true; {}",
        note("$CK_SESSION_USER $1")
    );
    hook(&machine, &format!("{ETC}/x.ck"), &script);
    come_and_go(&machine);
    machine.await_sessions(0);
    await_hooks(&machine, SOON);
    let mut told = told(&machine);
    told.sort_unstable();
    let all = ["alice", "bob"].map(|user| ["added", "removed"].map(|what| format!("{user} session_{what}")));
    assert_eq!(told, all.concat());
    machine.await_nothing_left();
}

/// A login whose module has all the time: a connection that waits for hooks is not idle.
#[test]
fn a_patient_login_waits_for_hooks_that_take_long() {
    let machine = machine("[hooks]\nwait_added = true\n");
    machine.host.run_ok(&[
        "sed",
        "-i",
        "s/pam_ck.so.*/pam_ck.so timeout=60000/",
        "/etc/pam.d/common-session",
    ]);
    hook(&machine, &format!("{ETC}/x.ck"), "[ $1 = session_removed ] || sleep 11");
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    wait_until(SOON, "nothing failed", || status(&machine)["hooks_running"] == 0);
    assert_eq!(status(&machine)["hooks_failed"], 0);
}
