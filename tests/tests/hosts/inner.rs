//! Logins from within a session: su, sudo, cron.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);
const TELL: &str = "echo $XDG_SESSION_ID $XDG_RUNTIME_DIR $XDG_SESSION_CLASS";

fn application(machine: &Machine, service: &str) {
    machine.install_application(service, "session required pam_ck.so\n");
}

/// alice's sudo asks for no password and opens sessions; without that line of Debian's it would have no XDG_*.
fn with_sudo(machine: &Machine) {
    machine.host.run_ok(&["sh", "-c", "echo session optional pam_ck.so >>/etc/pam.d/sudo"]);
}

/// What a script prints in a session of alice's by ssh, whose id is 1.
fn by_alice(machine: &Machine, script: &str) -> String {
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", script])
}

#[test]
fn the_same_user_again_is_no_second_session_and_does_not_end_the_first() {
    let machine = Machine::up();
    with_sudo(&machine);
    for (id, again) in
        (1..).zip(["sudo -n -u alice sh -c", "echo pw-alice | su -l alice -c", "echo pw-alice | su alice -c"])
    {
        let again = format!("{again} '{TELL}; ckctl list --no-legend | wc -l' 2>/dev/null");
        let after = "sleep 0.2; ls -d $XDG_RUNTIME_DIR; ckctl list --no-legend | wc -l";
        let told = by_alice(&machine, &format!("{again}; {after}"));
        let first = format!("{id} /run/user/2001 user\n1");
        assert_eq!(told, format!("{first}\n/run/user/2001\n1"), "{again}");
        machine.await_nothing_left();
    }
}

#[test]
fn an_inner_login_that_is_killed_does_not_end_the_first() {
    let machine = Machine::up();
    let script = "echo pw-alice | su -l alice -c 'exec sleep 1000'; sleep 1000";
    let _held = machine.host.spawn(&["ssh", "alice@127.0.0.1", script]);
    wait_until(SOON, "the inner login", || {
        machine.host.run(&["pgrep", "-xu", "alice", "sleep"]).status.success()
            && machine.host.run(&["pgrep", "-x", "su"]).status.success()
    });
    machine.host.run_ok(&["sh", "-c", "sleep 0.3; pkill -9 -x su"]);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(machine.session()["id"], "1");
    assert!(machine.has_alices());
}

/// An open that nobody hears of is none; but the session that it would have been part of stays.
#[test]
fn an_inner_login_that_gives_up_before_its_answer_does_not_end_the_first() {
    let machine = Machine::up();
    let script = "until [ -e /tmp/go ]; do sleep 0.05; done; echo pw-alice | su -l alice -c 'touch /tmp/in; sleep 1000'";
    let _held = machine.host.spawn(&["ssh", "alice@127.0.0.1", script]);
    machine.await_sessions(1);
    machine.broker().signal(Signal::STOP);
    machine.host.write_file("/tmp/go", "", 0o644);
    wait_until(SOON, "su has given up waiting", || machine.host.metadata("/tmp/in").is_some());
    machine.broker().signal(Signal::CONT);
    // What its request led to has been done before the next ones are answered.
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    machine.await_sessions(1);
    assert_eq!(machine.session()["id"], "1");
    assert!(machine.has_alices());
}

#[test]
fn another_user_has_a_session_within_with_a_directory_of_their_own() {
    let machine = Machine::up();
    with_sudo(&machine);
    for (id, other) in
        [(2, "echo pw-bob | su -l bob -c"), (4, "echo pw-bob | su bob -c"), (6, "sudo -n -u bob sh -c")]
    {
        let script = format!("{other} '{TELL}; ckctl show $XDG_SESSION_ID --json' 2>/dev/null");
        let told = by_alice(&machine, &script);
        let (first, json) = told.split_once('\n').unwrap_or_else(|| panic!("{other}: {told}"));
        assert_eq!(first, format!("{id} /run/user/2002 user"), "{other}");
        let shown: Value = serde_json::from_str(json).expect("JSON");
        assert_eq!((&shown["user"], &shown["parent"]), (&"bob".into(), &(id - 1).to_string().into()));
        machine.await_nothing_left();
    }
}

/// alice, then bob, then alice: it is bob's session that the last one comes from.
#[test]
fn only_the_session_that_it_comes_from_counts() {
    let machine = Machine::up();
    let innermost = format!("su -l alice -c \\\"{}\\\"", TELL.replace('$', "\\\\\\$"));
    let script = format!("echo pw-bob | su -l bob -c \"echo pw-alice | {innermost}\" 2>/dev/null");
    assert_eq!(by_alice(&machine, &script), "3 /run/user/2001 user");
    machine.await_nothing_left();
}

#[test]
fn after_a_restart_of_the_broker_it_is_as_before() {
    let mut machine = Machine::up();
    let script = "until [ -e /tmp/go ]; do sleep 0.05; done; echo pw-alice | su -l alice -c 'echo $XDG_SESSION_ID'; \
                  sleep 0.2; ckctl list --no-legend | wc -l";
    let mut held = machine.host.spawn(&["ssh", "alice@127.0.0.1", script]);
    machine.await_sessions(1);
    drop(machine.broker.take());
    machine.start_broker(&[]);
    machine.host.write_file("/tmp/go", "", 0o644);
    assert!(held.wait(SOON).expect("it ends").success());
    assert_eq!(held.stdout(), "1\n1\n");
    machine.await_nothing_left();
}

/// cron and at, whose jobs are nobody at a terminal.
#[test]
fn work_without_a_person_is_of_class_background() {
    let machine = Machine::up();
    for service in ["cron", "atd"] {
        application(&machine, service);
        let told =
            machine.host.run_ok(&["pam-application", service, "alice", "tty=cron", "open", "env", "close"]);
        assert!(told.contains("XDG_SESSION_CLASS=background"), "{service}: {told}");
        assert!(told.contains("XDG_RUNTIME_DIR=/run/user/2001"), "{service}: {told}");
    }
    machine.await_nothing_left();
}

#[test]
fn each_service_can_be_configured() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    let toml =
        "[services.su-l]\nsession = \"own\"\nclass = \"background\"\n[services.login]\nsession = \"inner\"\n";
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.start_broker(&[]);
    let script = format!("echo pw-alice | su -l alice -c '{TELL}' 2>/dev/null");
    assert_eq!(by_alice(&machine, &script), "2 /run/user/2001 background");
    machine.await_nothing_left();
}
