//! `ckctl watch`.

use std::time::Duration;

use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;
use serde_json::Value;

use super::{SOON, await_subscribers, install_subscriber};

/// Longer than a connection that does nothing is kept.
const LONG: Duration = Duration::from_secs(12);

fn watch(machine: &Machine, command: &[&str], first: &str) -> Running {
    let watch = machine.host.spawn(command);
    wait_until(SOON, "the snapshot is shown", || {
        assert!(!watch.is_over(), "{}", watch.stderr());
        watch.stdout().contains(first)
    });
    watch
}

/// Without the times in front.
fn lines(watch: &Running) -> Vec<String> {
    watch.stdout().lines().map(|line| line.split_once("  ").expect("a time").1.to_owned()).collect()
}

/// Of the line of an end: the session, and why it ended. It lasted less than an hour.
fn end(line: &str) -> (&str, &str) {
    let (session, rest) = line.split_once(" ended after 00:").unwrap_or_else(|| panic!("{line}"));
    (session, rest.split_once(": ").expect("a cause").1)
}

#[test]
fn who_is_here_then_every_change_a_line_each_until_interrupted() {
    let machine = Machine::up();
    let login = machine.host.spawn(&["su", "bob", "-c", "sleep 60"]);
    machine.await_sessions(1);
    let leader = machine.session()["leader_pid"].to_string();
    let mut watch = watch(&machine, &["ckctl", "watch"], "changes follow\n");
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    machine.host.run_ok(&["kill", "-9", &leader]);
    machine.await_nothing_left();
    wait_until(SOON, "all has been shown", || watch.stdout().matches("torn down\n").count() == 2);
    let mut shown = lines(&watch);
    // There is one where this machine has virtual terminals.
    shown.retain(|line| !line.contains("seat"));
    assert_eq!(shown[0], format!("already here: session 1 opened for bob (2002) by su[{leader}]"));
    assert_eq!(shown[1], "1 session is here; changes follow");
    let of_alice: Vec<&str> =
        shown[2..].iter().map(String::as_str).filter(|line| line.contains("2001")).collect();
    assert_eq!(of_alice[0], "user alice (2001) is here");
    assert!(of_alice[1].starts_with("session 2 opened for alice (2001) by su["), "{}", of_alice[1]);
    assert_eq!(end(of_alice[2]), ("session 2 of alice (2001)", "logout"));
    assert_eq!(of_alice[3..], ["user alice (2001) has left", "runtime directory of user 2001 torn down"]);
    let of_bob = shown.iter().find(|line| line.starts_with("session 1 of bob (2002) ended")).expect("his");
    assert_eq!(end(of_bob), ("session 1 of bob (2002)", "its leader died"));
    watch.signal(Signal::INT);
    assert_eq!(watch.wait(SOON).and_then(|status| status.code()), Some(0));
    assert_eq!(watch.stderr(), "");
    drop(login);
    await_subscribers(&machine, 0);
}

#[test]
fn programs_get_an_object_a_line() {
    let machine = Machine::up();
    let _login = machine.host.spawn(&["su", "bob", "-c", "sleep 60"]);
    machine.await_sessions(1);
    let watch = watch(&machine, &["ckctl", "watch", "--json"], "synced");
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    wait_until(SOON, "all has been shown", || watch.stdout().contains("teardown_finished"));
    let told = watch.stdout();
    let objects = told.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    // There is a seat where this machine has virtual terminals.
    let objects: Vec<Value> = objects.filter(|object| object["event"] != "seat_present").collect();
    let events: Vec<&str> = objects.iter().map(|object| object["event"].as_str().expect("a name")).collect();
    let expected = [
        "session_present",
        "synced",
        "user_added",
        "session_added",
        "session_removed",
        "user_removed",
        "teardown_finished",
    ];
    assert_eq!(events, expected);
    assert_eq!(objects[0]["session"], machine.session());
    let first = objects[1]["sequence"].as_u64().expect("a number");
    let numbers = objects[2..].iter().map(|object| object["sequence"].as_u64().expect("a number"));
    assert_eq!(numbers.collect::<Vec<_>>(), (first..first + 5).collect::<Vec<_>>());
    assert_eq!((&objects[3]["id"], &objects[4]["id"]), (&objects[3]["session"]["id"], &objects[3]["id"]));
    // As lists show it.
    assert_eq!(objects[3]["session"]["state"], "active");
    let ended = &objects[4];
    assert_eq!((&ended["session"]["state"], &ended["session"]["service"]), (&"closing".into(), &"su".into()));
    assert_eq!((&ended["ended_by"], &ended["terminated_by"]), (&"logout".into(), &Value::Null));
    assert!(
        ended["duration_seconds"].as_f64().is_some_and(|lasted| lasted > 0.0 && lasted < 3600.0),
        "{ended}"
    );
    let names: Vec<&Value> = objects[2..].iter().map(|object| &object["user"]).collect();
    let alice = &Value::from("alice");
    assert_eq!(names, [alice, alice, alice, alice, &Value::Null], "a teardown is known by its uid alone");
}

#[test]
fn who_ended_a_session_is_named() {
    let machine = Machine::up();
    let people = watch(&machine, &["ckctl", "watch"], "changes follow\n");
    let programs = watch(&machine, &["ckctl", "watch", "--json"], "synced");
    for terminate in [&["ckctl"][..], &["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl"]]
    {
        let _login = machine.host.spawn(&["su", "bob", "-c", "exec sleep 100"]);
        machine.await_sessions(1);
        machine.host.run_ok(&[terminate, &["terminate", "--user", "bob"]].concat());
        machine.await_nothing_left();
    }
    for watch in [&people, &programs] {
        wait_until(SOON, "both ends", || {
            watch.stdout().matches(" ended after ").count() == 2
                || watch.stdout().matches("\"session_removed\"").count() == 2
        });
    }
    let shown = lines(&people);
    let ends: Vec<_> = shown.iter().filter(|line| line.contains(" ended ")).map(|line| end(line)).collect();
    let expected = [
        ("session 1 of bob (2002)", "terminated by root (0)"),
        ("session 2 of bob (2002)", "terminated by bob (2002)"),
    ];
    assert_eq!(ends, expected);
    let told = programs.stdout();
    let objects = told.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let removed = objects.filter(|object| object["event"] == "session_removed");
    let by: Vec<_> =
        removed.map(|object| (object["ended_by"].clone(), object["terminated_by"].clone())).collect();
    assert_eq!(by, [("terminated".into(), 0.into()), ("terminated".into(), 2002.into())]);
    let log = machine.broker().stderr();
    assert!(log.contains("session 2 of bob (2002) ended: terminated by uid 2002"), "{log}");
}

#[test]
fn it_ends_quietly_when_nobody_reads_also_while_nothing_changes() {
    let machine = Machine::up();
    let _login = machine.host.spawn(&["su", "bob", "-c", "sleep 60"]);
    machine.await_sessions(1);
    // One that is written to again, and one in which there is nothing more to be written.
    for count in ["1", "2"] {
        let piped = format!("set -o pipefail; ckctl watch | head -n {count}; echo $?");
        let shown = machine.host.run_ok(&["bash", "-c", &piped]);
        assert!(shown.contains("already here: session 1") && shown.ends_with("\n0"), "{shown}");
    }
    await_subscribers(&machine, 0);
}

#[test]
fn it_says_so_when_the_broker_goes_or_is_not_there() {
    let mut machine = Machine::up();
    let mut watch = watch(&machine, &["ckctl", "watch"], "0 sessions are here; changes follow\n");
    machine.broker().signal(Signal::KILL);
    assert_eq!(watch.wait(SOON).and_then(|status| status.code()), Some(3));
    assert_eq!(watch.stderr(), "ckctl: ck-broker has closed the connection: start `ckctl watch` again\n");
    machine.broker = None;
    let absent = machine.host.run(&["ckctl", "watch"]);
    assert_eq!(absent.status.code(), Some(3));
    assert!(absent.stderr.starts_with("ckctl: no broker answers at "), "{}", absent.stderr);
}

#[test]
fn it_may_be_quiet_for_long_and_one_that_is_killed_is_noticed() {
    let machine = Machine::up();
    let first = watch(&machine, &["ckctl", "watch"], "changes follow\n");
    let second = watch(&machine, &["ckctl", "watch"], "changes follow\n");
    await_subscribers(&machine, 2);
    // Nothing changes meanwhile.
    second.signal(Signal::KILL);
    await_subscribers(&machine, 1);
    let ticks = machine.broker_ticks();
    std::thread::sleep(LONG);
    assert!(machine.broker_ticks() <= ticks + 1, "a broker with a subscriber is not idle");
    assert!(!first.is_over(), "{}", first.stderr());
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    wait_until(SOON, "the change", || first.stdout().contains("user alice (2001) is here\n"));
}

#[test]
fn one_that_was_stopped_says_how_much_it_has_lost() {
    let machine = Machine::up();
    install_subscriber(&machine);
    // Not stopped by its own process, as nsenter would stop along with it.
    let script = "ckctl watch & echo $! >/tmp/pid; wait $!";
    let mut watch = watch(&machine, &["sh", "-c", script], "changes follow\n");
    let pid = machine.host.read_file("/tmp/pid").trim().to_owned();
    machine.host.run_ok(&["kill", "-STOP", &pid]);
    machine.host.run_ok(&["subscriber", "logins", "2002", "2000"]);
    machine.host.run_ok(&["kill", "-CONT", &pid]);
    wait_until(SOON, "the last change", || watch.stdout().contains("user somebody (2002) has left\n"));
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    wait_until(SOON, "a later change", || watch.stdout().contains("user alice (2001) has left\n"));
    let lost: Vec<String> = lines(&watch).into_iter().filter(|line| line.starts_with("lost ")).collect();
    assert!(lost.len() == 1 && lost[0].ends_with(" changes"), "{lost:?}");
    machine.host.run_ok(&["kill", "-TERM", &pid]);
    assert_eq!(watch.wait(SOON).and_then(|status| status.code()), Some(0));
}

/// Nothing more is sent to it, so that is not how it is noticed.
#[test]
fn one_that_is_killed_while_it_is_far_behind_is_noticed() {
    let machine = Machine::up();
    install_subscriber(&machine);
    let _stalled = machine.host.spawn(&["subscriber", "stall", "0", "0", "3"]);
    await_subscribers(&machine, 3);
    machine.host.run_ok(&["subscriber", "logins", "2002", "2000"]);
    machine.host.run_ok(&["sh", "-c", "kill -9 $(pidof subscriber)"]);
    await_subscribers(&machine, 0);
    machine.await_nothing_left();
}

#[test]
fn names_in_it_steer_no_terminal() {
    let machine = Machine::up();
    let watch = watch(&machine, &["ckctl", "watch"], "changes follow\n");
    // The module passes on what the application says of where its user comes from.
    let login = "use Socket; socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0); \
                 connect($s, pack_sockaddr_un('/run/ck-broker/session.sock')) or die $!; \
                 my $t = sub { chr(length $_[0]) . $_[0] }; \
                 send($s, chr(1) . chr(0) . ('x' x 16) . pack('C*', 0xd2, 0x0f, 0xd2, 0x0f) . $t->('bob') . $t->('t') \
                 . chr(0) . chr(0) . chr(0) . chr(1) . $t->(\"\\e[2Jhost\\n\") . chr(0) . chr(0) . chr(0), 0) or die $!; \
                 recv($s, my $r, 4096, 0); sleep 1";
    machine.host.run_ok(&["perl", "-e", login]);
    wait_until(SOON, "the session has ended", || watch.stdout().contains("user bob (2002) has left\n"));
    let shown = watch.stdout();
    assert!(shown.contains(r" by t[") && shown.contains(r" from \u{1b}[2Jhost\u{a}"), "{shown}");
    assert!(!shown.contains('\u{1b}'));
}
