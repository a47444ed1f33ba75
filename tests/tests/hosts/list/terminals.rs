//! Terminals, and since when they are idle.

use ck_tests::Machine;
use serde_json::Value;

use super::{SOON, running, runs, session, ssh, tty_by_ps};

#[test]
fn every_login_by_ssh_has_the_terminal_that_ps_says() {
    let machine = Machine::up();
    let _logins = ["sleep 1001", "sleep 1002"].map(|command| ssh(&machine, &[], command));
    let _without = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1003"]);
    machine.await_sessions(3);
    let mut ttys = Vec::new();
    for command in ["sleep 1001", "sleep 1002"] {
        let session = session(&machine, command);
        assert_eq!(session["tty"], tty_by_ps(&machine, command));
        assert!(session["idle_seconds"].as_u64().is_some_and(|idle| idle < 100), "{session}");
        ttys.push(session["tty"].to_string());
    }
    assert_ne!(ttys[0], ttys[1]);
    let session = session(&machine, "sleep 1003");
    assert_eq!((&session["tty"], &session["idle_seconds"]), (&Value::Null, &Value::Null));
}

/// Its terminal is known by PAM, and so it is in the history as well.
#[test]
fn a_login_on_a_terminal_keeps_it() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["login", "-f", "alice"]);
    machine.await_sessions(1);
    login.expect("$ ", SOON);
    login.send("exec sleep 1001");
    let session = session(&machine, "sleep 1001");
    assert_eq!(session["tty"], tty_by_ps(&machine, "sleep 1001"));
    assert!(session["idle_seconds"].is_u64(), "{session}");
}

#[test]
fn a_terminal_is_idle_until_somebody_types() {
    let machine = Machine::up();
    let mut login = ssh(&machine, &[], "cat");
    let idle = || session(&machine, "cat")["idle_seconds"].as_u64().expect("a terminal");
    let tty = session(&machine, "cat")["tty"].as_str().expect("a terminal").to_owned();
    assert!(idle() < 100);
    machine.host.run_ok(&["touch", "-d", "1 hour ago", &format!("/dev/{tty}")]);
    let before = idle();
    assert!((3600..3700).contains(&before), "{before}");
    ck_tests::wait_until(SOON, "it is idle for longer", || idle() > before);
    login.send("typed");
    ck_tests::wait_until(SOON, "it was used", || idle() < 100);
}

/// What runs in a session within another one is in the foreground of both. Without -c, as su(1) makes a session of its own for
/// that command, which has no terminal.
#[test]
fn a_session_within_another_is_on_its_terminal() {
    let machine = Machine::up();
    let mut login = machine.host.on_terminal(&["ssh", "-tt", "root@127.0.0.1", "su -l bob"]);
    machine.await_sessions(2);
    login.expect("$ ", SOON);
    login.send("exec sleep 1001");
    let sessions = running(&machine, "sleep 1001");
    let seen: Vec<_> = sessions.iter().map(|session| (&session["tty"], &session["command"])).collect();
    assert!(seen[0].0.is_string() && seen[0] == seen[1], "{seen:?}");
}

/// What the inner one runs on a terminal of its own is not what the outer one does, which has none.
#[test]
fn a_session_ends_where_another_one_begins() {
    let machine = Machine::up();
    let inner = "sudo -n su bob -c \"script -qc 'sleep 1001' /dev/null\"; :";
    let _held = machine.host.spawn(&["ssh", "alice@127.0.0.1", inner]);
    machine.await_sessions(2);
    let inner = session(&machine, "sleep 1001");
    assert_eq!(inner["tty"], tty_by_ps(&machine, "sleep 1001"));
    let outer = session(&machine, "bash -c");
    assert_eq!((&outer["user"], &outer["tty"]), (&"alice".into(), &Value::Null));
}

/// Connections that share one are one session, with several terminals.
#[test]
fn of_several_terminals_the_one_that_was_used_last_counts() {
    let machine = Machine::up();
    let socket = ["-S", "/tmp/shared"];
    let master = ["ssh", "-M", "-S", "/tmp/shared", "-N", "alice@127.0.0.1"];
    let _master = machine.host.spawn(&master);
    machine.await_sessions(1);
    // Nothing but sshd.
    session(&machine, "sshd: alice");
    let _logins = ["sleep 1001", "sleep 1002"].map(|command| ssh(&machine, &socket, command));
    let of = |command: &str| {
        ck_tests::wait_until(SOON, command, || machine.host.run(&["pgrep", "-xf", command]).status.success());
        tty_by_ps(&machine, command)
    };
    let ttys = ["sleep 1001", "sleep 1002"].map(of);
    for (used, other, command) in [(0, 1, "sleep 1001"), (1, 0, "sleep 1002")] {
        machine.host.run_ok(&["touch", "-d", "1 hour ago", &format!("/dev/{}", ttys[other])]);
        machine.host.run_ok(&["touch", &format!("/dev/{}", ttys[used])]);
        let sessions = machine.sessions_in_use();
        assert_eq!((sessions.len(), &sessions[0]["tty"]), (1, &ttys[used].as_str().into()));
        assert!(runs(&sessions[0], command), "{sessions:?}");
    }
}
