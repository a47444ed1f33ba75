//! The ids of a session in the kernel's audit, by which auditd's records of it are found.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);
/// Says how the kernel calls whoever runs it, as JSON: the number of the session, and who logged in at first. Then their session.
const SAY: &str = "#!/bin/sh\necho [$(cat /proc/self/sessionid), $(cat /proc/self/loginuid)]\nckctl show --json | tr -d '\\n'; echo\n";
/// Before a command: whoever runs the tests may have logged in.
const AS_AT_BOOT: &str = "echo 4294967295 >/proc/self/loginuid; ";

/// A machine with the program `say`. `None` on a kernel without an audit, where pam_loginuid(8) does nothing.
fn up() -> Option<Machine> {
    let machine = Machine::up();
    machine.host.write_file("/usr/local/bin/say", SAY, 0o755);
    let has_audit = machine.host.metadata("/proc/1/sessionid").is_some();
    if !has_audit {
        eprintln!("left out: this kernel has no audit");
    }
    has_audit.then_some(machine)
}

fn ids(session: &Value) -> Value {
    Value::from(vec![session["audit_id"].clone(), session["login_uid"].clone()])
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// What a login of alice's by ssh prints: its ids by the kernel, and then the session by ckctl.
fn by_ssh(machine: &Machine, script: &str) -> Vec<Value> {
    let told = machine.host.run_ok(&["ssh", "alice@127.0.0.1", script]);
    told.lines().map(parsed).collect()
}

#[test]
fn a_session_has_the_ids_that_the_kernel_has_given_it() {
    let Some(mut machine) = up() else { return };
    let first = by_ssh(&machine, "say; echo pw-bob | su -l bob -c say 2>/dev/null");
    assert_eq!((&first[0], &first[0][1]), (&ids(&first[1]), &2001.into()));
    // su does not change who logged in at first.
    assert_eq!((&first[3]["uid"], &first[3]["parent"]), (&2002.into(), &first[1]["id"]));
    assert_eq!((&first[2], &ids(&first[3])), (&first[0], &first[0]));
    let second = by_ssh(&machine, "say");
    assert_eq!(second[0], ids(&second[1]));
    assert_ne!(second[0][0], first[0][0], "another login is another session of the audit");

    let held = machine.host.spawn(&["ssh", "alice@127.0.0.1", "say; exec sleep 60"]);
    wait_until(SOON, "the login", || held.stdout().contains('}'));
    let known = parsed(held.stdout().lines().next().expect("a line"));
    assert_eq!(ids(&machine.session()), known);
    let id = machine.session()["id"].as_str().expect("an id").to_owned();
    let shown = machine.host.run_ok(&["ckctl", "show", &id]);
    for (field, value) in [("Audit session", &known[0]), ("Login UID", &known[1])] {
        let has = |line: &str| line.trim_start().starts_with(field) && line.ends_with(&format!(" {value}"));
        assert!(shown.lines().any(has), "{field}: {shown}");
    }
    machine.broker().signal(Signal::KILL);
    machine.start_broker(&[]);
    assert_eq!(ids(&machine.session()), known, "another broker has them too");
    drop(held);
    machine.await_nothing_left();

    let history = machine.host.read_file("/var/log/ck/history.jsonl");
    let lines: Vec<Value> = history.lines().map(parsed).filter(|line| line["id"] == id.as_str()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().expect("an event")).collect();
    assert_eq!(events, ["session_opened", "session_ended"]);
    assert!(lines.iter().all(|line| ids(line) == known), "{history}");
    let listed = machine.host.run_ok(&["ckctl", "history", "--json"]);
    let last = listed.lines().map(parsed).find(|entry| entry["id"] == id.as_str()).expect("the session");
    assert_eq!(ids(&last), known);
}

#[test]
fn by_login_they_are_known_too() {
    let Some(machine) = up() else { return };
    let login = format!("{AS_AT_BOOT} exec script -qc 'login -f alice' /dev/null");
    let held = machine.host.spawn(&["sh", "-c", &login]);
    machine.await_sessions(1);
    let session = machine.session();
    let leader = &session["leader_pid"];
    let known = format!("[{}, {}]", machine.host.read_file(&format!("/proc/{leader}/sessionid")), 2001);
    assert_eq!((&session["service"], ids(&session)), (&"login".into(), parsed(&known)));
    drop(held);
}

/// su without a login has none. pam_loginuid(8) behind the module comes too late.
#[test]
fn a_login_without_them_is_a_login_like_others() {
    let Some(machine) = up() else { return };
    let of_su = |line: &str| {
        machine.host.run_ok(&["sh", "-c", &format!("echo '{line}' >>/etc/pam.d/su")]);
        let su = format!("{AS_AT_BOOT} exec su alice -c say");
        let told: Vec<Value> = machine.host.run_ok(&["sh", "-c", &su]).lines().map(parsed).collect();
        assert_eq!(ids(&told[1]), Value::from(vec![Value::Null; 2]), "after {line}");
        told[0][1].clone()
    };
    assert_eq!(of_su(""), Value::from(u32::MAX));
    assert_eq!(of_su("session required pam_loginuid.so"), Value::from(2001));
    machine.await_nothing_left();
    let history = machine.host.read_file("/var/log/ck/history.jsonl");
    assert!(!history.contains("audit_id") && !history.contains("login_uid"), "{history}");
    let log = machine.broker().stderr();
    assert!(!log.contains("audit"), "{log}");
}
