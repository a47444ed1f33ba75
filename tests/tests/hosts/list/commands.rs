//! What runs in a session.

use ck_tests::Machine;

use super::{session, ssh};

#[test]
fn what_runs_is_shown_without_what_could_steer_a_terminal() {
    let machine = Machine::up();
    let _login = ssh(&machine, &[], r"exec -a $'evil\x1b[31m\n\tname' sleep 1001");
    let found = session(&machine, "evil");
    assert_eq!(found["command"], "evil\u{1b}[31m\n\tname 1001");
    let table = machine.host.run_ok(&["ckctl"]);
    assert!(table.contains(r"  evil\u{1b}[31m\u{a}\u{9}name 1001"), "{table}");
    for words in [&["ckctl", "list", "--json"][..], &["ckctl", "show", "1"], &["ckctl", "-o", "csv"]] {
        let printed = machine.host.run_ok(words);
        assert!(!printed.contains(['\u{1b}', '\t']) && printed.contains("name 1001"), "{printed}");
    }
}

#[test]
fn what_is_in_the_foreground_follows_the_user() {
    let machine = Machine::up();
    let mut login = ssh(&machine, &[], "exec bash --norc");
    session(&machine, "bash --norc");
    login.send("sleep 1001 & sleep 1002");
    session(&machine, "sleep 1002");
    login.send("\u{3}");
    session(&machine, "bash --norc");
    login.send("sleep 1003 | cat");
    session(&machine, "sleep 1003");
}

/// Of the processes of sshd and su themselves nobody wants to know.
#[test]
fn without_a_terminal_it_is_the_command_of_the_login() {
    let machine = Machine::up();
    let _sftp = machine.host.spawn(&["sh", "-c", "sleep 1000 | ssh -s alice@127.0.0.1 sftp"]);
    let _su = machine.host.spawn(&["su", "bob", "-c", "sleep 1001"]);
    let server = session(&machine, "/usr/lib/openssh/sftp-server");
    assert_eq!((&server["user"], &server["tty"]), (&"alice".into(), &serde_json::Value::Null));
    assert_eq!(session(&machine, "sleep 1001")["user"], "bob");
}
