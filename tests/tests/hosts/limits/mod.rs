//! What one peer takes, no other lacks; and what runs out does not make the broker spin.

mod connections;
mod crowds;
mod descriptors;
mod lists;
mod sessions;

use std::time::Duration;

use ck_tests::{ALICES, Machine, Running, wait_until};

const LOAD: &str = env!("CARGO_BIN_EXE_broker-load");

const SOON: Duration = Duration::from_secs(10);
const BOB: [&str; 4] = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];

/// Somebody who connects to `admin.sock` `count` times, and then does nothing.
fn idle_connections(machine: &Machine, by: &[&str], count: usize) -> Running {
    let connect = format!(
        "use Socket; for (1..{count}) {{ socket($s[$_], AF_UNIX, SOCK_SEQPACKET, 0); \
         connect($s[$_], pack_sockaddr_un('/run/ck-broker/admin.sock')) or die $! }} print STDERR 'ready'; sleep 60"
    );
    let idler = machine.host.spawn(&[by, &["perl", "-e", &connect]].concat());
    wait_until(SOON * 6, "the connections", || idler.stderr().contains("ready"));
    idler
}

#[test]
fn idle_connections_of_one_user_keep_nobody_out() {
    let machine = Machine::up();
    let _idler = idle_connections(&machine, &BOB, 1000);
    machine.host.run_ok(&["ckctl"]);
    assert_eq!(
        machine.host.run_ok(&["ssh", "alice@127.0.0.1", "ckctl >/dev/null; echo $XDG_RUNTIME_DIR"]),
        ALICES
    );
    let refused = machine.host.run(&[&BOB[..], &["ckctl"]].concat());
    assert_eq!(refused.status.code(), Some(3));
    let told = &refused.stderr;
    assert!(told.starts_with("ckctl: too many "), "{told}");
}

#[test]
fn a_connection_that_does_nothing_is_closed() {
    let machine = Machine::up();
    let _idler = idle_connections(&machine, &BOB, 16);
    wait_until(SOON * 2, "there is room again", || {
        machine.host.run(&[&BOB[..], &["ckctl"]].concat()).status.success()
    });
}

#[test]
fn who_asks_too_often_is_told_so_and_nobody_else_is() {
    let machine = Machine::up();
    let ask =
        [&BOB[..], &["sh", "-c", "for i in $(seq 400); do ckctl status >/dev/null || break; done"]].concat();
    let told = machine.host.run_within(Duration::from_secs(60), &ask);
    assert_eq!(told.stderr, "ckctl: too many requests: try again in a second\n");
    machine.host.run_ok(&["ckctl"]);
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "ckctl"]);
    wait_until(SOON, "bob may ask again", || {
        machine.host.run(&[&BOB[..], &["ckctl"]].concat()).status.success()
    });
    for _ in 0..300 {
        machine.host.run_ok(&["ckctl", "status"]);
    }
}

/// Puts the program that speaks to the broker on the host.
fn install_load(machine: &Machine) {
    machine.host.write_file(
        "/usr/local/bin/broker-load",
        std::fs::read(LOAD).expect("a program of ours"),
        0o755,
    );
}
