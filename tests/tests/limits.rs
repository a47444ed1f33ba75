//! What one peer takes, no other lacks; and what runs out does not make the broker spin.

use std::time::Duration;

use ck_tests::{ALICES, Machine, Running, wait_until};

const SOON: Duration = Duration::from_secs(10);
const BOB: [&str; 4] = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups"];

/// Somebody who connects to `admin.sock` `count` times, and then does nothing.
fn idle_connections(machine: &Machine, by: &[&str], count: usize) -> Running {
    let connect = format!(
        "use Socket; for (1..{count}) {{ socket($s[$_], AF_UNIX, SOCK_SEQPACKET, 0); \
         connect($s[$_], pack_sockaddr_un('/run/ck-broker/admin.sock')) or die $! }} print STDERR 'ready'; sleep 60"
    );
    let idler = machine.host.spawn(&[by, &["perl", "-e", &connect]].concat());
    wait_until(SOON, "the connections", || idler.stderr().contains("ready"));
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
    assert_eq!(refused.stderr, "ckctl: too many connections: try again later\n");
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
fn without_descriptors_the_broker_waits_instead_of_spinning() {
    let mut machine = Machine::installed();
    machine.start_broker_by(&["prlimit", "--nofile=24:24", "/usr/sbin/ck-broker"], &[]);
    let idler = idle_connections(&machine, &[], 60);
    wait_until(SOON, "they have run out", || machine.broker().stderr().contains("cannot accept connections"));
    let before = machine.broker_ticks();
    std::thread::sleep(Duration::from_secs(1));
    let spent = machine.broker_ticks() - before;
    assert!(spent < 20, "{spent} ticks in a second");
    // The login goes on without it, and the next one with it.
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    drop(idler);
    wait_until(SOON, "logins have sessions again", || {
        machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]) == ALICES
    });
}
