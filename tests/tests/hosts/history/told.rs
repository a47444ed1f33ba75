//! What is written, and how it is shown.

use super::{FILE, await_events, end_broker, events, held, history, lines_of, states, stays, visit};
use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

#[test]
fn who_came_and_went_is_told_to_everybody() {
    let machine = Machine::up();
    let script = "echo in; exec sleep 120";
    let ssh = machine.host.spawn(&["ssh", "alice@127.0.0.1", script]);
    machine.await_sessions(1);
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    await_events(&machine, "session_ended", 1);
    let written = ["system_started", "broker_started", "session_opened", "session_opened", "session_ended"];
    assert_eq!(events(&machine), written);

    let told = stays(&machine, &[]);
    assert_eq!(
        (&told[0]["user"], &told[0]["service"], &told[0]["state"]),
        (&"bob".into(), &"su".into(), &"ended".into())
    );
    assert_eq!(
        (&told[1]["user"], &told[1]["service"], &told[1]["state"]),
        (&"alice".into(), &"sshd".into(), &"open".into())
    );
    assert_eq!(told[1]["remote_host"], "127.0.0.1");
    assert!(told[0]["duration"].as_f64().is_some_and(|seconds| (0.0..30.0).contains(&seconds)), "{told:?}");
    assert_eq!((&told[1]["ended_at"], &told[1]["duration"]), (&().into(), &().into()));
    // As the list of sessions has it.
    assert_eq!(machine.session()["opened_at"], told[1]["opened_at"]);

    let table = history(&machine, &[]);
    let rows: Vec<Vec<&str>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0],
        ["USER", "SERVICE", "TTY", "REMOTE", "HOST", "FROM", "TO", "DURATION", "ENDED", "BY"]
    );
    assert_eq!((rows[1][0], rows[2][0], rows[2][3]), ("bob", "alice", "127.0.0.1"));
    assert!(table.contains("  still logged in  ") && table.ends_with("\n2 sessions listed."), "{table}");

    drop(ssh);
    await_events(&machine, "session_ended", 2);
    assert_eq!(states(&machine), ["ended", "ended"]);
    assert_eq!(
        machine.host.metadata(FILE).map(|file| std::os::unix::fs::MetadataExt::mode(&file)),
        Some(0o100_644)
    );
}

#[test]
fn one_may_ask_for_a_user_a_time_and_a_number() {
    let mut machine = Machine::up();
    for user in ["alice", "bob", "alice", "bob", "alice"] {
        machine.host.run_ok(&["su", user, "-c", "true"]);
    }
    await_events(&machine, "session_ended", 5);
    let count = |arguments: &[&str]| stays(&machine, arguments).len();
    assert_eq!([count(&[]), count(&["alice"]), count(&["2002"]), count(&["root"])], [5, 3, 2, 0]);
    assert_eq!([count(&["-n", "2"]), count(&["bob", "-n1"]), count(&["-n", "0"])], [2, 1, 0]);
    let since = |time| count(&["--since", time]);
    assert_eq!(
        [since("1h"), since("yesterday"), since("2000-01-01"), since("2999-01-01 12:00")],
        [5, 5, 5, 0]
    );
    let ids: Vec<_> = stays(&machine, &[]).into_iter().map(|stay| stay["id"].clone()).collect();
    assert_eq!(ids, ["5", "4", "3", "2", "1"], "the newest first");
    for (arguments, status, word) in [
        (&["--since", "soon"][..], 2, "2026-11-01"),
        (&["--file", "/nowhere"], 1, "/nowhere"),
        (&["-n", "-1"], 2, "-1"),
    ] {
        let refused = machine.host.run(&[&["ckctl", "history"], arguments].concat());
        assert_eq!(refused.status.code(), Some(status), "{refused:?}");
        assert!(refused.stderr.contains(word), "{refused:?}");
    }
    assert_eq!(history(&machine, &["root"]), "No sessions.");
    let unknown = machine.host.run(&["ckctl", "history", "carol"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(unknown.stderr, "ckctl: unknown user `carol`: give the name or uid of a user\n");
    // Nobody need answer for what is written.
    end_broker(&mut machine, Signal::TERM);
    assert_eq!(stays(&machine, &[]).len(), 5);
}

#[test]
fn restarts_and_crashes_of_the_broker_lose_nobody() {
    let mut machine = Machine::up();
    let (stays_in, leaves) = (held(&machine, "alice"), held(&machine, "bob"));
    end_broker(&mut machine, Signal::KILL);
    machine.start_broker(&[]);
    assert_eq!(states(&machine), ["open", "open"]);
    let bobs = machine.sessions().into_iter().find(|session| session["user"] == "bob").expect("a session");
    let leader = bobs["leader_pid"].to_string();
    end_broker(&mut machine, Signal::TERM);
    drop(leaves);
    wait_until(super::SOON, "bob is gone", || !machine.host.run(&["ps", "-p", &leader]).status.success());
    machine.start_broker(&[]);
    await_events(&machine, "session_ended", 1);
    assert_eq!(states(&machine), ["late", "open"]);
    assert!(history(&machine, &["bob"]).contains("up to 00:0"));
    drop(stays_in);
    await_events(&machine, "session_ended", 2);
    let told = stays(&machine, &["alice"]);
    assert_eq!(told[0]["state"], "ended");
    assert!(told[0]["duration"].as_f64().is_some_and(|seconds| seconds < 120.0), "{told:?}");
    let count = |event: &str| events(&machine).iter().filter(|found| *found == event).count();
    assert_eq!([count("system_started"), count("broker_started"), count("broker_stopped")], [1, 3, 1]);
}

/// Of another run of the system, as a broker wrote it then.
const EARLIER: &str = r#"{"time":"2026-01-01T08:00:00.000000Z","up":0.000,"boot":"00000001","event":"system_started"}
{"time":"2026-01-01T08:00:01.000000Z","up":1.000,"boot":"00000001","event":"broker_started","version":"0.1.0","pid":60}
{"time":"2026-01-01T09:00:00.000000Z","up":3600.000,"boot":"00000001","event":"session_opened","id":"1","uid":2001,"user":"alice","service":"login","tty":"tty1","class":"user","leader_pid":99}
{"time":"2026-01-01T10:00:00.000000Z","up":7200.000,"boot":"00000001","event":"broker_stopped","sessions":1}
{"time":"2026-01-02T08:00:01.000000Z","up":1.000,"boot":"00000002","event":"broker_started","version":"0.1.0","pid":60}
{"time":"2026-01-02T09:00:00.000000Z","up":3600.000,"boot":"00000002","event":"session_opened","id":"1","uid":2001,"user":"alice","service":"login","tty":"tty1","class":"user","leader_pid":99}
"#;

#[test]
fn a_system_that_was_shut_down_or_crashed_ends_its_sessions() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-m", "755", "/var/log/ck"]);
    machine.host.write_file(FILE, EARLIER, 0o644);
    // Before any broker has run since, too.
    assert_eq!(states(&machine), ["crash", "down"]);
    machine.start_broker(&[]);
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    assert_eq!(states(&machine), ["ended", "crash", "down"]);
    let down = &stays(&machine, &["-n", "9"])[2];
    assert!(down["ended_at"].as_str().is_some_and(|time| time.contains("2026-01-01T10:00:00")), "{down}");
    let lines = lines_of(&machine, FILE);
    let started = &lines[6];
    assert_eq!(started["event"], "system_started");
    assert_eq!(started["boot"].as_str().map(str::len), Some(8));
    assert_eq!(lines[6..].iter().filter(|line| line["boot"] == started["boot"]).count(), lines.len() - 6);
}

#[test]
fn why_a_session_ended_is_written() {
    let mut machine = Machine::up();
    let causes = |machine: &Machine| -> Vec<String> {
        let all = stays(machine, &[]).into_iter().rev();
        all.map(|stay| stay["ended_by"].as_str().unwrap_or("nothing").to_owned()).collect()
    };
    visit(&machine);
    let killed = machine.host.spawn(&["su", "alice", "-c", "exec sleep 100"]);
    machine.await_sessions(1);
    killed.signal(Signal::KILL);
    machine.await_sessions(0);
    let _terminated = machine.host.spawn(&["su", "bob", "-c", "exec sleep 100"]);
    machine.await_sessions(1);
    machine.host.run_ok(&[
        "setpriv",
        "--reuid=2002",
        "--regid=2002",
        "--clear-groups",
        "ckctl",
        "terminate",
        "--user",
        "bob",
    ]);
    machine.await_sessions(0);
    let unseen = machine.host.spawn(&["su", "alice", "-c", "exec sleep 100"]);
    machine.await_sessions(1);
    end_broker(&mut machine, Signal::KILL);
    unseen.signal(Signal::KILL);
    machine.start_broker(&[]);
    await_events(&machine, "session_ended", 4);
    assert_eq!(causes(&machine), ["logout", "leader_died", "terminated", "unseen"]);
    let lines = lines_of(&machine, FILE);
    let by: Vec<&serde_json::Value> =
        lines.iter().map(|line| &line["terminated_by"]).filter(|by| !by.is_null()).collect();
    assert_eq!(by, [2002]);
    let table = history(&machine, &["--columns", "user,ended by", "--no-legend"]);
    for row in ["alice  logout", "alice  leader died", "bob    terminated by 2002", "alice  unseen"] {
        assert!(table.contains(row), "{table}");
    }
    let log = machine.broker().stderr();
    assert!(log.contains("session 4 of alice (2001) ended: while no broker ran"), "{log}");
}
