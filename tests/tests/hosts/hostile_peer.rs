//! Peers that speak to the broker in order to harm it or others: frames that are none, facts that are meant for a log or
//! a path, descriptors that nobody asked for.

use std::path::Path;
use std::time::Duration;

use ck_tests::{ALICES, Guarded, Machine, Output, wait_until};

const SOON: Duration = Duration::from_secs(30);
/// How long a flood may take.
const LONG: Duration = Duration::from_secs(600);
const BOB: [&str; 4] = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];
const PEER: &str = "/tmp/hostile-peer";

fn guarded() -> Guarded {
    let guarded = Guarded::up_kind("tmpfs");
    let program = std::fs::read(env!("CARGO_BIN_EXE_hostile-peer")).expect("the driver");
    guarded.machine.host.write_file(PEER, program, 0o755);
    guarded
}

fn assert_alice_logs_in(machine: &Machine) {
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
}

/// Runs the driver while alice logs in again and again; returns what it printed.
fn flood(machine: &Machine, by: &[&str], arguments: &[&str]) -> String {
    let mut peer = machine.host.spawn(&[by, &[PEER], arguments].concat());
    while !peer.is_over() {
        assert_alice_logs_in(machine);
    }
    let status = peer.wait(LONG).expect("just seen");
    assert!(status.success(), "{}", peer.stderr());
    peer.stdout()
}

/// `count` frames, half of them at each socket; all answered as they must be, and nothing left of them.
fn send_frames(count: usize) {
    let guarded = guarded();
    let machine = &guarded.machine;
    let half = (count / 2).to_string();
    let memory =
        || machine.host.run_ok(&["grep", "VmRSS", &format!("/proc/{}/status", machine.broker().pid())]);
    println!("before: {}", memory());
    for socket in ["session", "admin"] {
        let start = std::time::Instant::now();
        let answers = flood(machine, &[], &["frames", socket, &half, "1"]);
        println!("{socket}: {half} frames in {:?}: {}", start.elapsed(), answers.replace('\n', ", "));
        for answer in ["malformed", "version", "empty"] {
            assert!(answers.contains(answer), "{answers}");
        }
    }
    assert_alice_logs_in(machine);
    guarded.assert_gone_and_unharmed();
    println!("after: {}", memory());
    assert_log_is_plain(&machine.broker().stderr());
}

/// No line in the log is anybody else's.
fn assert_log_is_plain(log: &str) {
    for line in log.lines() {
        assert!(line.starts_with("ck-broker: ") && !line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn two_hundred_thousand_frames() {
    send_frames(200_000);
}

#[test]
#[ignore = "the same for longer: make fuzz"]
fn a_million_frames() {
    send_frames(1_000_000);
}

/// Each connection gets an answer, also where the login waits for its files.
#[test]
fn a_login_that_is_asked_for_on_many_connections_at_once() {
    let guarded = guarded();
    flood(&guarded.machine, &[], &["again", "200"]);
    guarded.assert_gone_and_unharmed();
}

#[test]
fn facts_that_are_meant_for_a_log_or_a_path() {
    let guarded = guarded();
    let machine = &guarded.machine;
    let peer = machine.host.spawn(&[PEER, "facts"]);
    wait_until(SOON, "the logins", || {
        assert!(!peer.is_over(), "{}", peer.stderr());
        peer.stderr().contains("held")
    });
    let directories = machine.host.run_ok(&["ls", "-A", "/run/user"]);
    assert_eq!(directories, ".ck-retired\n2001\n2002\n2147483648\n4294967294");
    let sessions = machine.sessions();
    assert_eq!(sessions.len(), 7);
    for session in &sessions {
        let id = session["id"].to_string();
        let Output { stdout, .. } = machine.host.run(&["ckctl", "show", id.trim_matches('"')]);
        assert!(stdout.lines().count() == 22 && !has_controls(&stdout), "{stdout:?}");
    }
    let list = machine.host.run_ok(&["ckctl", "list", "--no-legend"]);
    assert!(list.lines().count() == 7 && !has_controls(&list), "{list:?}");
    drop(peer);
    guarded.assert_gone_and_unharmed();
    assert!(!Path::new(&machine.host.root().join("etc/2002")).exists());
    let log = machine.broker().stderr();
    assert_log_is_plain(&log);
    assert!(
        log.contains(r"x\u{a}ck-broker: forged\u{d}\u{1b}[2J\u{9b}31m\u{202e}../../etc/passwd\u{0}end"),
        "{log}"
    );
}

#[test]
fn a_login_by_a_program_whose_name_is_no_text() {
    let machine = Machine::up();
    let script = "name=/tmp/$(printf '\\377) Z 1 '); ln -s /bin/su \"$name\"; \"$name\" alice -c 'echo $XDG_RUNTIME_DIR'";
    assert_eq!(machine.host.run_ok(&["sh", "-c", script]), ALICES);
    machine.await_nothing_left();
}

fn has_controls(shown: &str) -> bool {
    shown.chars().any(|c| c.is_control() && c != '\n')
}

#[test]
fn pushed_descriptors_never_reach_the_broker() {
    let guarded = guarded();
    let machine = &guarded.machine;
    for (by, socket) in [(&BOB[..], "admin"), (&[], "session")] {
        let outcomes = flood(machine, by, &["descriptors", socket, "20000"]);
        let refused = outcomes == "refused 20000\n";
        // Before Linux 6.16 they can only be dropped.
        assert!(refused || !can_refuse(machine), "{outcomes}");
    }
    guarded.assert_gone_and_unharmed();
}

#[test]
fn closing_what_others_push_is_nothing_that_the_broker_waits_for() {
    let guarded = guarded();
    let machine = &guarded.machine;
    if !can_refuse(machine) {
        eprintln!("left out: this kernel cannot refuse pushed descriptors");
        return;
    }
    let peer = machine.host.spawn(&[&BOB[..], &[PEER, "linger", "16"]].concat());
    wait_until(SOON, "they are pushed", || {
        assert!(!peer.is_over(), "{}", peer.stderr());
        peer.stderr().contains("taken")
    });
    assert_alice_logs_in(machine);
    assert_eq!(peer.stderr(), "taken 0\n");
    drop(peer);
    guarded.assert_gone_and_unharmed();
}

/// Whether the kernel has `SO_PASSRIGHTS`, which came with Linux 6.16.
fn can_refuse(machine: &Machine) -> bool {
    machine.kernel() >= (6, 16)
}
