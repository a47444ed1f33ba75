//! How many sessions there may be, and that nobody has too few because somebody else has many.

use ck_tests::{Guarded, Machine, Running, wait_until};

use super::{SOON, install_load};

/// What a broker with 1024 descriptors gives: all, one user, all but the last places, and all but root's.
const ALL: usize = 638;
const PER_USER: usize = 159;
const FOR_ANYBODY: usize = ALL - ALL / 8 - ALL / 32;
const BUT_ROOTS: usize = ALL - ALL / 32;

fn fill(machine: &Machine, uid: &str) -> (Running, String) {
    let filler = machine.host.spawn(&["broker-load", "fill", uid]);
    wait_until(SOON * 2, "it has as many as it gets", || filler.stdout().ends_with('\n'));
    let told = filler.stdout().trim().to_owned();
    (filler, told)
}

/// Who is in a session of their own, and which directory it has.
fn enter(machine: &Machine, user: &str) -> String {
    machine.host.run_ok(&["su", user, "-c", "echo ${XDG_SESSION_ID:+in} $XDG_RUNTIME_DIR"])
}

#[test]
fn one_user_has_so_many_sessions_and_all_together_so_many() {
    let guarded = Guarded::up_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], "");
    let machine = &guarded.machine;
    install_load(machine);
    let (filler, told) = fill(machine, "3001");
    assert_eq!(told, format!("{PER_USER} uid 3001 has {PER_USER} sessions, and cannot have more: end some"));
    assert_eq!(enter(machine, "alice"), "in /run/user/2001");
    drop(filler);
    guarded.assert_gone_and_unharmed();
}

#[test]
fn users_who_take_all_they_can_leave_sessions_to_those_who_have_none_and_to_root() {
    let guarded = Guarded::up_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], "");
    let machine = &guarded.machine;
    install_load(machine);
    let mut fillers = Vec::new();
    for uid in ["3001", "3002", "3003"] {
        let (filler, told) = fill(machine, uid);
        assert_eq!(
            told,
            format!("{PER_USER} uid {uid} has {PER_USER} sessions, and cannot have more: end some")
        );
        fillers.push(filler);
    }
    let last = format!(
        "{} there are {FOR_ANYBODY} sessions, and the last places are for users who have none: end some of yours",
        FOR_ANYBODY - 3 * PER_USER
    );
    let (filler, told) = fill(machine, "3004");
    assert_eq!(told, last);
    fillers.push(filler);
    // Others have none yet, and log in as always.
    for _ in 0..5 {
        assert_eq!(enter(machine, "alice"), "in /run/user/2001");
        assert_eq!(enter(machine, "bob"), "in /run/user/2002");
        assert_eq!(enter(machine, "root"), "in");
    }
    // Those take one each, until there are none but root's.
    let newcomers: Vec<Running> = (4001..)
        .take(BUT_ROOTS - FOR_ANYBODY)
        .map(|uid: u32| machine.host.spawn(&["broker-load", "hold", &uid.to_string(), "1"]))
        .collect();
    wait_until(SOON * 3, "they have one each", || machine.sessions().len() == BUT_ROOTS);
    assert_eq!(enter(machine, "alice"), "");
    let refused = format!("there are {BUT_ROOTS} sessions, and no more can be had: root can end some");
    wait_until(SOON, "a word in the log", || machine.host.syslog().contains(&refused));
    for _ in 0..5 {
        assert_eq!(enter(machine, "root"), "in");
        machine.host.run_ok(&["ssh", "root@127.0.0.1", "ckctl"]);
    }
    let status: serde_json::Value =
        serde_json::from_str(&machine.host.run_ok(&["ckctl", "status", "--json"])).expect("JSON");
    assert_eq!((&status["sessions"], &status["sessions_limit"]), (&BUT_ROOTS.into(), &ALL.into()));
    drop((fillers, newcomers));
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
    // (1024 - 64 - 32) / 16, of which one user has a quarter.
    machine.start_broker_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], &[]);
    for _ in 0..14 {
        let script = "touch $XDG_RUNTIME_DIR/left && echo $XDG_RUNTIME_DIR";
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", script]), "/run/user/2001");
    }
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo in $XDG_RUNTIME_DIR"]), "in");
    assert_eq!(machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2002");
    assert!(
        machine
            .broker()
            .stderr()
            .contains("uid 2001 gets no runtime directory: 14 of its earlier ones wait for their teardown")
    );
    machine.host.write_file("/tmp/go", "", 0o644);
    machine.await_nothing_left();
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2001");
    machine.await_nothing_left();
}
