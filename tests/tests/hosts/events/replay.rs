//! T32: snapshot and stream, replayed, are the table: at each change, and as `ckctl list` has it.

use std::time::Duration;

use ck_tests::Machine;

use super::{await_subscribers, install_subscriber};

const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn snapshot_and_stream_are_the_table_over_random_traffic() {
    let machine = Machine::up();
    install_subscriber(&machine);
    let checked = machine.host.run_within(LIMIT, &["subscriber", "check", "3"]);
    assert!(checked.status.success(), "{}", checked.stderr);
    println!("{}", checked.stdout);
    let numbers: Vec<u64> = checked.stdout.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [compared, snapshots, within, _lost] = numbers[..] else { panic!("{}", checked.stdout) };
    assert!(compared > 5000 && snapshots >= 10 && within > 0, "that shows little: {}", checked.stdout);
    await_subscribers(&machine, 0);
    machine.await_nothing_left();
}
