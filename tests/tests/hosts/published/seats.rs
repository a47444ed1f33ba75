//! Seats, which are published only on request.

use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;

use super::{SOON, files};
use crate::seats::{foreground, login, machine};

const OFF: &str = "[seats.seat1]\nttys = [\"ttyS1\"]\n";

/// The lines of the file of a seat.
fn seat(machine: &Machine, name: &str) -> Vec<String> {
    let path = format!("/run/systemd/seats/{name}");
    machine.host.run(&["cat", &path]).stdout.lines().map(str::to_owned).collect()
}

fn has(machine: &Machine, name: &str, lines: &[&str]) -> bool {
    let there = seat(machine, name);
    lines.iter().all(|line| there.iter().any(|other| other == line))
}

/// Switches what is configured, while sessions are open.
fn configure(machine: &Machine, seats: bool) {
    let toml = format!("{OFF}[compat]\nseats = {seats}\n");
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.broker().signal(Signal::HUP);
}

fn has_directory(machine: &Machine) -> bool {
    machine.host.metadata("/run/systemd/seats").is_some()
}

#[test]
fn seats_are_published_only_on_request() {
    let (mut machine, _console): (Machine, Running) = machine(OFF);
    let first = login(&machine, "alice", "tty1");
    let _second = login(&machine, "bob", "tty2");
    let _third = login(&machine, "alice", "ttyS1");
    wait_until(SOON, "three sessions", || files(&machine, "sessions") == ["1", "2", "3"]);
    assert!(!has_directory(&machine));

    configure(&machine, true);
    let front =
        ["IS_SEAT0=1", "CAN_TTY=1", "ACTIVE=1", "ACTIVE_UID=2001", "SESSIONS=\"1 2\"", "UIDS=\"2001 2002\""];
    wait_until(SOON, "the seats", || has(&machine, "seat0", &front));
    assert!(
        has(&machine, "seat1", &["IS_SEAT0=0", "ACTIVE=3", "SESSIONS=3", "UIDS=2001"]),
        "{:?}",
        seat(&machine, "seat1")
    );
    foreground(&machine, 2);
    wait_until(SOON, "the other one is active", || has(&machine, "seat0", &["ACTIVE=2", "ACTIVE_UID=2002"]));
    drop(first);
    wait_until(SOON, "one has left", || has(&machine, "seat0", &["SESSIONS=2", "UIDS=2002"]));

    // Off, also by a broker that has not made the directory; and on again.
    machine.broker().signal(Signal::KILL);
    machine.broker = None;
    machine.host.write_file("/etc/ck/broker.toml", OFF, 0o644);
    machine.start_broker(&[]);
    wait_until(SOON, "the directory has gone", || !has_directory(&machine));
    configure(&machine, true);
    wait_until(SOON, "the seats are back", || has(&machine, "seat0", &["ACTIVE=2", "SESSIONS=2"]));
    configure(&machine, false);
    wait_until(SOON, "the directory has gone again", || !has_directory(&machine));
    assert_eq!(files(&machine, "sessions"), ["2", "3"]);
}

#[test]
fn what_others_have_put_there_stays() {
    let (machine, _console) = machine(OFF);
    machine.host.run_ok(&["mkdir", "/run/systemd/seats"]);
    configure(&machine, true);
    wait_until(SOON, "the seats", || files(&machine, "seats") == ["seat0", "seat1"]);
    configure(&machine, false);
    wait_until(SOON, "they have gone", || files(&machine, "seats").is_empty());
    // The directory was there before.
    assert!(has_directory(&machine));

    machine.host.run_ok(&["rmdir", "/run/systemd/seats"]);
    configure(&machine, true);
    wait_until(SOON, "the seats", || has(&machine, "seat0", &["IS_SEAT0=1"]));
    machine.host.run_ok(&["sh", "-c", "echo theirs >/run/systemd/seats/seat7"]);
    configure(&machine, false);
    wait_until(SOON, "ours have gone", || !files(&machine, "seats").contains(&"seat0".to_owned()));
    assert_eq!(machine.host.run_ok(&["cat", "/run/systemd/seats/seat7"]), "theirs");
}
