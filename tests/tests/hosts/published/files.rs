//! The files themselves.

use ck_tests::wait_until;
use rustix::process::Signal;

use super::{SOON, files, machine};

#[test]
fn a_login_finds_its_own_file() {
    let machine = machine();
    let host = &machine.host;
    let own = "cat /run/systemd/sessions/$XDG_SESSION_ID; cat /run/systemd/users/$(id -u)";
    let told = host.run_ok(&["ssh", "alice@127.0.0.1", own]);
    for line in [
        "UID=2001",
        "USER=alice",
        "STATE=active",
        "ACTIVE=1",
        "REMOTE=1",
        "TYPE=tty",
        "CLASS=user",
        "SERVICE=sshd",
        "REMOTE_HOST=127.0.0.1",
        "NAME=alice",
        "SESSIONS=1",
        "ACTIVE_SESSIONS=1",
    ] {
        assert!(told.lines().any(|other| other == line), "{line}\n{told}");
    }
    assert_eq!(host.run_ok(&["stat", "-c", "%A %U %G", "/run/systemd/sessions"]), "drwxr-xr-x root root");
    machine.await_nothing_left();
    assert!(files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty());
}

#[test]
fn a_restart_keeps_what_is_right_and_removes_what_is_not() {
    let mut machine = machine();
    let login = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(1);
    wait_until(SOON, "its file", || files(&machine, "sessions") == ["1"]);
    let host = &machine.host;
    let gone = "cd /run/systemd/sessions && sed s/LEADER=.*/LEADER=1/ 1 >77 && printf 'UID=0\\n' >theirs && touch .ck-9";
    machine.broker().signal(Signal::KILL);
    host.run_ok(&["sh", "-c", gone]);
    machine.broker = None;
    machine.start_broker(&[]);
    wait_until(SOON, "what is stale has gone", || files(&machine, "sessions") == ["theirs", "1"]);
    drop(login);
    machine.await_sessions(0);
    wait_until(SOON, "the session has gone", || files(&machine, "sessions") == ["theirs"]);
    assert!(files(&machine, "users").is_empty());
}
