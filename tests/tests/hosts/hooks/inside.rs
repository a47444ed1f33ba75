//! Hooks that use what they are told about: what the daemon that this project replaces locked up in.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

use super::{ETC, SOON, assert_sleeps, await_hooks, descriptors, hook, machine, note, status, told};

/// Asserts that each session that hooks heard of was told to be added once, then removed once.
fn assert_in_order(machine: &Machine, sessions: usize) {
    let told = told(machine);
    assert_eq!(told.len(), 2 * sessions, "{told:?}");
    for id in 1..=sessions {
        let of_this: Vec<_> = told.iter().filter_map(|line| line.strip_suffix(&format!(" {id}"))).collect();
        assert_eq!(of_this, ["session_added", "session_removed"], "session {id}: {told:?}");
    }
    let log = machine.broker().stderr();
    let ended = log.lines().filter(|line| line.contains(" ended") && line.contains(": session ")).count();
    assert_eq!(ended, sessions, "each session ends once: {log}");
}

#[test]
fn ckctl_su_and_ssh_within_a_hook() {
    // So few at once that the hooks of the inner logins have to wait for those that wait for the logins.
    let machine = machine("[hooks]\nparallel = 1\n");
    let before = descriptors(&machine);
    let script = format!(
        "{}\n[ $CK_SESSION_USER = alice ] || exit 0\nset -e\nckctl list >/dev/null\nckctl show $CK_SESSION_ID >/dev/null 2>&1 || \
         [ $1 = session_removed ]\n: >/tmp/shown-$1\nsu -l bob -c 'test -d $XDG_RUNTIME_DIR'\nssh bob@127.0.0.1 'test -d $XDG_RUNTIME_DIR'",
        note("$1 $CK_SESSION_ID")
    );
    hook(&machine, &format!("{ETC}/x.ck"), &script);
    let login = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 100"]);
    machine.await_sessions(1);
    // A hook has found the session, and is still at it.
    wait_until(SOON, "the session is shown to its hook", || {
        machine.host.metadata("/tmp/shown-session_added").is_some()
    });
    login.signal(Signal::KILL);
    await_hooks(&machine, Duration::from_secs(60));
    machine.await_nothing_left();
    await_hooks(&machine, SOON);
    // Alice's, and bob's two within each of the two hooks that heard of hers.
    assert_in_order(&machine, 5);
    assert_eq!(status(&machine)["hooks_failed"], 0, "{}", machine.broker().stderr());
    assert_eq!(descriptors(&machine), before, "descriptors were left open");
    assert_sleeps(&machine);
}

/// While a hook runs, its session is closed, and then its leader ends: one end, not two.
#[test]
fn a_close_and_then_the_death_of_the_leader_while_a_hook_runs() {
    let machine = machine("[hooks]\ndeadline = \"1min\"\n");
    let script = format!(
        "{}; ckctl list >/dev/null; while [ ! -e /tmp/go ]; do sleep 0.1; done",
        note("$1 $CK_SESSION_ID")
    );
    hook(&machine, &format!("{ETC}/x.ck"), &script);
    machine.host.run_ok(&["sh", "-c", "for i in 1 2 3 4; do su alice -c true & done; wait"]);
    let killed = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(1);
    killed.signal(Signal::KILL);
    machine.await_sessions(0);
    let status = status(&machine);
    assert_eq!((&status["hooks_running"], &status["hooks_waiting"]), (&5.into(), &5.into()));
    machine.host.run_ok(&["touch", "/tmp/go"]);
    await_hooks(&machine, SOON);
    machine.await_nothing_left();
    assert_in_order(&machine, 5);
    assert_sleeps(&machine);
}
