//! The files themselves.

use ck_tests::{Machine, wait_until};
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

/// Whoever watches the directory is not told of what has not changed.
#[test]
fn a_reload_makes_right_what_somebody_has_changed_and_nothing_else() {
    let machine = machine();
    let host = &machine.host;
    let _alice = host.spawn(&["ssh", "-tt", "alice@127.0.0.1", "sleep 1000"]);
    let has_terminal = || host.run(&["grep", "-q", "^TTY=", "/run/systemd/sessions/1"]).status.success();
    wait_until(SOON, "her terminal is named", has_terminal);
    let _bob = host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    wait_until(SOON, "both", || files(&machine, "sessions") == ["1", "2"]);
    let inode = || host.run_ok(&["stat", "-c", "%i", "/run/systemd/sessions/1"]);
    let before = inode();
    host.run_ok(&[
        "sh",
        "-c",
        "cd /run/systemd && rm users/2001 && echo \"$(head -n1 sessions/2)\" >sessions/2",
    ]);
    machine.broker().signal(Signal::HUP);
    let is_right = "grep -q ^UID=2002 /run/systemd/sessions/2 && grep -q ^NAME=alice /run/systemd/users/2001";
    wait_until(SOON, "they are right", || host.run(&["sh", "-c", is_right]).status.success());
    assert!(has_terminal() && inode() == before);
}

/// The file of a user with so many sessions, whose ids are long, comes to the process that writes it in pieces.
#[test]
fn a_user_with_thousands_of_sessions() {
    const COUNT: usize = 3000;
    let mut machine = machine();
    let load = std::fs::read(env!("CARGO_BIN_EXE_broker-load")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/broker-load", load, 0o755);
    machine.broker().signal(Signal::KILL);
    machine.broker = None;
    machine.host.write_file("/run/ck-broker/state/next-id", "1000000000000", 0o600);
    machine.start_broker(&[]);
    let holder = machine.host.spawn(&["broker-load", "hold", "2001", &COUNT.to_string()]);
    wait_until(4 * SOON, "all are open", || holder.stdout().contains("held") || holder.is_over());
    assert!(!holder.is_over(), "{}", holder.stderr());
    let lists = |machine: &Machine| {
        let count = "for list in SESSIONS ACTIVE_SESSIONS; do sed -n \"s/^$list=//p\" /run/systemd/users/2001 | wc -w; done";
        machine.host.run_ok(&["sh", "-c", count])
    };
    let all = format!("{COUNT}\n{COUNT}");
    wait_until(SOON, "all are listed", || {
        lists(&machine) == all && files(&machine, "sessions").len() == COUNT
    });
    machine.broker().signal(Signal::KILL);
    machine.broker = None;
    machine.host.run_ok(&["rm", "/run/systemd/users/2001"]);
    machine.start_broker(&[]);
    wait_until(SOON, "all are listed again", || machine.host.metadata("/run/systemd/users/2001").is_some());
    assert_eq!(lists(&machine), all);
    let size = machine.host.run_ok(&["stat", "-c", "%s", "/run/systemd/users/2001"]);
    assert!(size.parse::<usize>().expect("a size") > 64 << 10, "{size}");
    drop(holder);
    machine.await_nothing_left();
    wait_until(SOON, "none is left", || files(&machine, "sessions").is_empty());
}
