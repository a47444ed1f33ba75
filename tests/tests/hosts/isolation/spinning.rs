//! The loop sleeps while a worker starts: until the program of a new process runs, that process has a copy of every
//! descriptor of the broker's, so that closing one does not take it out of epoll.

use std::time::Duration;

use ck_tests::Guarded;

use super::large::{BROKER, ahead, broker_time};

/// Far less than a loop uses that spins until somebody stops it.
const OWN_WORK: Duration = Duration::from_millis(30);

/// The first processor that we may run on.
fn processor() -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("our status");
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
    list.trim().chars().take_while(char::is_ascii_digit).collect()
}

/// On the one processor that both have, what the broker has started comes no further while the broker runs.
#[test]
fn a_connection_that_ends_while_a_worker_starts_is_over() {
    let processor = processor();
    let command = [&["taskset", "--cpu-list", &processor], ahead(), &[BROKER]].concat();
    let guarded = Guarded::up_by(&command, "");
    let before = broker_time(&guarded);
    for _ in 0..5 {
        guarded.machine.host.run_ok(&["su", "alice", "-c", "true"]);
    }
    guarded.machine.host.run_ok(&["sleep", "0.5"]);
    let used = broker_time(&guarded) - before;
    assert!(used < OWN_WORK, "the broker worked for {used:?}");
    guarded.assert_gone_and_unharmed();
}
