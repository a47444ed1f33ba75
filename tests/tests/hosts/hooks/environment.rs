//! What a hook is told, and what it finds itself in.

use std::collections::BTreeMap;

use ck_tests::{ALICES, Machine};
use serde_json::Value;

use super::{ETC, SOON, await_hooks, hook, machine};

/// What a hook's environment was when it was started.
fn environment(machine: &Machine, action: &str) -> BTreeMap<String, String> {
    let text = machine.host.read_file(&format!("/tmp/environment.{action}"));
    let variables = text.split_terminator('\0').map(|line| line.split_once('=').expect("a variable"));
    variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_variables_are_consolekits_and_ours_and_no_others() {
    let machine = machine("");
    hook(&machine, &format!("{ETC}/x.ck"), "cat /proc/$$/environ >/tmp/environment.$1");
    // As a program would have it that asks while the session is there.
    let shown = machine.host.run_ok(&["ssh", "alice@127.0.0.1", "ckctl show 1 --json"]);
    machine.await_sessions(0);
    await_hooks(&machine, SOON);
    let mut shown: Value = serde_json::from_str(&shown).expect("JSON");
    // What the user does is not in the record of a session.
    for member in ["idle_seconds", "command"] {
        shown.as_object_mut().expect("an object").remove(member);
    }
    let leader = shown["leader_pid"].to_string();
    let expected = |active: &str| -> BTreeMap<String, String> {
        let variables = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("CK_SESSION_ID", "1"),
            ("CK_SESSION_SERVICE", "sshd"),
            ("CK_SESSION_TYPE", "tty"),
            ("CK_SESSION_SEAT_ID", ""),
            ("CK_SESSION_USER_UID", "2001"),
            ("CK_SESSION_X11_DISPLAY", ""),
            ("CK_SESSION_REMOTE_HOST_NAME", "127.0.0.1"),
            ("CK_SESSION_IS_ACTIVE", active),
            ("CK_SESSION_IS_LOCAL", "false"),
            ("CK_SESSION_USER", "alice"),
            ("CK_SESSION_CLASS", "user"),
            ("CK_SESSION_LEADER_PID", &leader),
            ("CK_SESSION_RUNTIME_DIR", ALICES),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    };
    for (action, active, state) in
        [("session_added", "true", "active"), ("session_removed", "false", "closing")]
    {
        let mut found = environment(&machine, action);
        let json = found.remove("CK_SESSION_JSON").expect("the session as JSON");
        assert_eq!(found, expected(active), "{action}");
        shown["state"] = state.into();
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), shown);
    }
}

/// No descriptors, signals, mask or directory of the broker's.
#[test]
fn a_hook_is_started_clean() {
    let machine = machine("");
    // Another program, because the first one has just got capabilities that the broker has not, so that the kernel
    // shows nobody else what it has open (ptrace(2), "dumpable").
    hook(&machine, &format!("{ETC}/x.ck"), "exec sh /tmp/look \"$@\"");
    let look = "readlink /proc/$$/cwd >/tmp/found; readlink /proc/$$/fd/0 >>/tmp/found; ls /proc/$$/fd >/tmp/fds\n\
                grep -E '^(SigBlk|SigIgn|Umask)' /proc/$$/status | cut -f2 | paste -sd' ' >>/tmp/found\n\
                [ $(ps -o pgid= -p $$) = $$ ] && echo leads >>/tmp/found; echo $# $1 >>/tmp/found";
    machine.host.write_file("/tmp/look", look, 0o644);
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(1);
    await_hooks(&machine, SOON);
    let found = machine.host.read_file("/tmp/found");
    // Two signals of the C library's own are ignored by whom posix_spawn(3) has started.
    let found = found.replace("0000000180000000", "0000000000000000");
    let none = "0000000000000000";
    assert_eq!(found.trim(), format!("/\n/dev/null\n0022 {none} {none}\nleads\n1 session_added"));
    // The broker hands on what it was itself started with, as any command here is; nothing else.
    let descriptors = machine.host.read_file("/tmp/fds");
    machine.host.run_ok(&["sh", "/tmp/look"]);
    let handed_on = machine.host.read_file("/tmp/fds");
    for descriptor in descriptors.split_whitespace() {
        assert!(
            handed_on.split_whitespace().any(|other| other == descriptor),
            "{descriptors}, and {handed_on}"
        );
    }
}
