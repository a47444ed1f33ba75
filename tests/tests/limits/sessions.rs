//! How many sessions there may be, and that nobody has too few because somebody else has many.

use ck_tests::{Guarded, Machine, Running, wait_until};

use super::{SOON, install_load};

/// What a broker with 1024 descriptors gives: all, and one user.
const ALL: usize = 660;
const PER_USER: usize = 330;

fn fill(machine: &Machine, uid: &str) -> (Running, String) {
    let filler = machine.host.spawn(&["broker-load", "fill", uid]);
    wait_until(SOON * 2, "it has as many as it gets", || filler.stdout().ends_with('\n'));
    let told = filler.stdout().trim().to_owned();
    (filler, told)
}

#[test]
fn one_user_has_so_many_sessions_and_all_together_so_many() {
    let guarded = Guarded::up_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], "");
    let machine = &guarded.machine;
    install_load(machine);
    let (first, told) = fill(machine, "3001");
    assert_eq!(told, format!("{PER_USER} uid 3001 has {PER_USER} sessions, and cannot have more: end some"));
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2001");
    let (second, told) = fill(machine, "3002");
    assert_eq!(told, format!("{PER_USER} uid 3002 has {PER_USER} sessions, and cannot have more: end some"));
    // Everybody else logs in without a session.
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo in $XDG_RUNTIME_DIR"]), "in");
    let refused =
        format!("the session broker refused: there are {ALL} sessions, and cannot be more: end some");
    wait_until(SOON, "a word in the log", || machine.host.syslog().contains(&refused));
    machine.host.run_ok(&["ckctl"]);
    drop((first, second));
    guarded.assert_gone_and_unharmed();
}

/// Who has many directories that cannot be torn down gets no more of them, and others do.
#[test]
fn directories_that_wait_for_their_teardown_are_bounded_for_each_user() {
    let mut machine = Machine::installed();
    let remover = "/usr/libexec/ck/ck-remove-directory";
    machine.host.run_ok(&["mv", remover, &format!("{remover}.real")]);
    let script = "#!/bin/sh\nuntil [ -e /tmp/go ]; do sleep 0.05; done\nexec $0.real \"$@\"\n";
    machine.host.write_file(remover, script, 0o755);
    // (1024 - 64) / 16, of which one user has a quarter.
    machine.start_broker_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], &[]);
    for _ in 0..15 {
        let script = "touch $XDG_RUNTIME_DIR/left && echo $XDG_RUNTIME_DIR";
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", script]), "/run/user/2001");
    }
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo in $XDG_RUNTIME_DIR"]), "in");
    assert_eq!(machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2002");
    assert!(
        machine.broker().stderr().contains("uid 2001 gets no runtime directory: too many of its earlier")
    );
    machine.host.write_file("/tmp/go", "", 0o644);
    machine.await_nothing_left();
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2001");
    machine.await_nothing_left();
}
