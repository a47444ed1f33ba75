//! Logins, while many ask on the other socket as much as they can.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, Machine, Running, wait_until};

use super::{BOB, SOON, idle_connections, install_load};

const BROKER: &str = "/usr/sbin/ck-broker";
/// A real-time priority that children do not inherit: what is measured is the broker, not the scheduler.
const AHEAD: [&str; 4] = ["chrt", "--reset-on-fork", "--fifo", "50"];
const FLOODERS: u32 = 4;
/// How many times what it takes on an idle broker a login may take.
const SLOWER: u128 = 2;
/// What else runs on the machine can spoil a measurement; it cannot make one better than the broker is.
const REPETITIONS: usize = 5;

/// Users who connect and ask without a pause, each of them another uid.
fn flood(machine: &Machine) -> Vec<Running> {
    let flooders: Vec<_> = (0..FLOODERS)
        .map(|number| {
            let uid = format!("--reuid={}", 3001 + number);
            machine.host.spawn(&["setpriv", &uid, "--clear-groups", "broker-load", "flood"])
        })
        .collect();
    wait_until(SOON, "they have begun", || flooders.iter().all(|one| one.stdout() == "begun\n"));
    flooders
}

#[test]
fn logins_go_on_while_others_ask_without_a_pause() {
    let guarded = Guarded::up("");
    let machine = &guarded.machine;
    install_load(machine);
    let flooders = flood(machine);
    let idler = idle_connections(machine, &BOB, 2000);
    for _ in 0..20 {
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    }
    machine.host.run_ok(&["ckctl"]);
    assert!(flooders.iter().all(|one| !one.is_over()), "they still ask");
    drop((flooders, idler));
    guarded.assert_gone_and_unharmed();
}

/// Median and 99th percentile of logins, in microseconds.
fn logins(machine: &Machine) -> (u128, u128) {
    let printed = machine.host.run_ok(&[&AHEAD[..], &["broker-load", "idle", "2002"]].concat());
    let words: Vec<&str> = printed.split(' ').collect();
    (words[1].parse().expect("microseconds"), words[2].parse().expect("microseconds"))
}

#[test]
#[ignore = "a benchmark: make bench"]
fn logins_take_no_longer_while_others_ask_without_a_pause() {
    let guarded = Guarded::up_by(&[&AHEAD[..], &[BROKER]].concat(), "");
    let machine = &guarded.machine;
    install_load(machine);
    let mut well = false;
    for _ in 0..REPETITIONS {
        let idle = logins(machine);
        let crowd = (flood(machine), idle_connections(machine, &BOB, 10_000));
        let crowded = logins(machine);
        drop(crowd);
        println!("login, median and p99 in microseconds: idle {idle:?}, crowded {crowded:?}");
        well |= crowded.1 <= SLOWER * idle.1;
        std::thread::sleep(Duration::from_secs(1));
    }
    assert!(well, "never within {SLOWER} times of idle, see above");
    guarded.assert_gone_and_unharmed();
}
