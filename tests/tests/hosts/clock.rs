//! The time of day is set a year on, and two years back, under a running broker: all that changes is what it shows.
//! libfaketime does that to the broker's wall clock alone; the clock that runs evenly stays as it is.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(15);
/// Time enough to look whether the directory is still there, on a busy machine too.
const DELAY: Duration = Duration::from_secs(4);
/// How far the wall clock is from the real one, as libfaketime reads it.
const CLOCK: &str = "/tmp/clock";
const BROKER: [&str; 6] = [
    "env",
    "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "FAKETIME_TIMESTAMP_FILE=/tmp/clock",
    "FAKETIME_NO_CACHE=1",
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "/usr/sbin/ck-broker",
];

/// The year that the broker takes it to be, when bob logs in.
fn year_of_login(machine: &Machine) -> i64 {
    let shown = machine.host.run_ok(&["su", "bob", "-c", "ckctl show $XDG_SESSION_ID --json"]);
    let session: Value = serde_json::from_str(&shown).expect("JSON");
    session["opened_at"].as_str().expect("a time")[..4].parse().expect("a year")
}

/// Alice logs in, out, and is cleaned up after, and the clock is set to `clock` wherever something waits.
fn assert_all_is_well_with(machine: &mut Machine, clock: &str) {
    let set = |machine: &Machine, clock: &str| machine.host.write_file(CLOCK, clock, 0o644);
    let login = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/x; exec sleep 60"]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/x").is_some());
    machine.host.run_ok(&["chattr", "+i", "/run/user/2001/x"]);
    let session = machine.session();
    set(machine, clock);
    assert_eq!(machine.session(), session);
    // The next broker, with this clock, keeps who is there.
    drop(machine.broker.take());
    machine.start_broker_by(&BROKER, &[]);
    assert_eq!(machine.session(), session);

    // The directory stays for its time, whatever the clock does meanwhile.
    set(machine, "+0");
    login.signal(Signal::KILL);
    machine.await_sessions(0);
    set(machine, clock);
    assert!(machine.has_alices(), "gone at once: {}", machine.broker().stderr());
    wait_until(SOON, "the directory is gone", || !machine.has_alices());

    // So does what could not be removed, until it is tried again.
    wait_until(SOON, "the first try has failed", || {
        let listed = machine.host.run_ok(&["ckctl", "teardown", "list", "--json"]);
        serde_json::from_str::<Value>(&listed).expect("JSON")[0]["failures"] == 1
    });
    set(machine, "+0");
    machine.host.run_ok(&["sh", "-c", "chattr -i /run/user/.ck-retired/*/d/x"]);
    machine.await_nothing_left();
}

#[test]
fn a_clock_that_is_set_changes_nothing_but_what_is_shown() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    let toml = format!("[runtime_dir]\nkind = \"directory\"\nstop_delay = \"{}s\"\n", DELAY.as_secs());
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.host.write_file(CLOCK, "+0", 0o644);
    machine.start_broker_by(&BROKER, &[]);
    let now = year_of_login(&machine);
    for (clock, years) in [("+400d", 1), ("-400d", -1)] {
        machine.host.write_file(CLOCK, clock, 0o644);
        assert_eq!((year_of_login(&machine) - now).signum(), years, "the clock was not set");
        assert_all_is_well_with(&mut machine, clock);
    }
}
