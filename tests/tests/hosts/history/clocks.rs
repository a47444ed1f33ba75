//! The time of day is set while somebody is here.

use super::{FILE, await_events, held, stays};
use ck_tests::Machine;
use rustix::process::Signal;

const BROKER: [&str; 6] = [
    "env",
    "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "FAKETIME_TIMESTAMP_FILE=/tmp/clock",
    "FAKETIME_NO_CACHE=1",
    "FAKETIME_DONT_FAKE_MONOTONIC=1",
    "/usr/sbin/ck-broker",
];

#[test]
fn how_long_somebody_was_here_is_right_whatever_the_clock_says() {
    let mut machine = Machine::installed();
    let set = |machine: &Machine, clock: &str| machine.host.write_file("/tmp/clock", clock, 0o644);
    set(&machine, "+0");
    machine.start_broker_by(&BROKER, &[]);
    for (number, clock) in ["+400d", "-400d"].into_iter().enumerate() {
        for restart in [false, true] {
            let login = held(&machine, "alice");
            set(&machine, clock);
            if restart {
                super::end_broker(&mut machine, Signal::KILL);
                machine.start_broker_by(&BROKER, &[]);
            }
            login.signal(Signal::KILL);
            await_events(&machine, "session_ended", 2 * number + usize::from(restart) + 1);
            set(&machine, "+0");
            let told = stays(&machine, &["-n", "1"]).remove(0);
            let duration = told["duration"].as_f64().unwrap_or_else(|| panic!("{told}"));
            assert!((0.0..60.0).contains(&duration), "{clock}, restart {restart}: {told}");
            let year = |what: &str| told[what].as_str().expect("a time")[..4].parse::<i64>().expect("a year");
            assert_ne!(year("opened_at"), year("ended_at"), "the clock was not set: {told}");
        }
    }
    assert!(machine.host.metadata(FILE).is_some());
}
