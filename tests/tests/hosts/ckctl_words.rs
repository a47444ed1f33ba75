//! `ckctl` where it needs a host: a broker that is stopped, a user name that is not UTF-8, the own session.
//! `ckctl/tests/words` has the rest.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(20);

#[test]
fn a_stopped_broker_is_named() {
    let machine = Machine::up();
    machine.broker().signal(Signal::STOP);
    let output = machine.host.run(&["ckctl"]);
    let watch = machine.host.run(&["ckctl", "watch"]);
    machine.broker().signal(Signal::CONT);
    let said = "ckctl: ck-broker does not answer within 5 s: see `systemctl status ck-broker` and its log\n";
    assert_eq!((output.status.code(), output.stderr.as_str()), (Some(3), said));
    assert_eq!((watch.status.code(), watch.stderr.as_str()), (Some(3), said));
    machine.host.run_ok(&["ckctl"]);
}

#[test]
fn a_user_name_need_not_be_utf_8() {
    let machine = Machine::up();
    let account = r"printf 'J\366rg:x:2010:100::/:/bin/sh\nJ\344rg:x:2011:100::/:/bin/sh\n' >>/etc/passwd";
    machine.host.run_ok(&["sh", "-c", account]);
    let run = |command: &str| machine.host.run_ok(&["bash", "-c", command]);
    // The broker would know both by the same text, but each has a uid.
    assert_eq!(run(r"ckctl linger on $'J\xf6rg'").split(' ').next_back(), Some("session."));
    run(r"ckctl linger on $'J\xe4rg'");
    let listed = |verb: &str| run(&format!(r"ckctl {verb} --no-legend --columns uid $'J\xf6rg'"));
    assert_eq!([listed("linger list"), listed("users")], ["2010", "2010"]);
    assert!(run(r"ckctl linger off $'J\xf6rg'").contains("(2010) does not linger"));
    assert_eq!(run(r"ckctl linger list --no-legend --columns uid"), "2011");
    assert_eq!(run(r"ckctl list $'J\xf6rg'"), "No sessions.");
    assert_eq!(run(r"ckctl show $'J\xe4rg'"), "No sessions.");
    let unknown = machine.host.run(&["bash", "-c", r"ckctl terminate --user $'J\xffrg'"]);
    assert_eq!(unknown.stderr, "ckctl: unknown user `J\\xffrg`: give the name or uid of a user\n");
}

#[test]
fn show_without_an_argument_shows_the_session_that_it_runs_in() {
    let machine = Machine::up();
    let other = machine.host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    machine.await_sessions(1);
    let shown = machine.host.run_ok(&["su", "alice", "-c", "ckctl show --json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("a session");
    assert_eq!((&shown["user"], &shown["id"]), (&"alice".into(), &"2".into()));
    let foreign = machine.host.run(&["su", "alice", "-c", "XDG_SESSION_ID=1 ckctl show"]);
    assert_eq!(foreign.status.code(), Some(1));
    assert!(foreign.stderr.contains("which is a session of bob"), "{foreign:?}");
    other.signal(Signal::KILL);
    wait_until(SOON, "the session has ended", || machine.sessions().is_empty());
    let over = machine.host.run(&["env", "XDG_SESSION_ID=1", "ckctl", "show"]);
    assert_eq!((over.status.code(), over.stderr.lines().count()), (Some(1), 1), "{over:?}");
}
