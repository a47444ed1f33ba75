//! Connections on `admin.sock` that do nothing give way to those who have none.

use std::time::{Duration, Instant};

use ck_tests::{Machine, Running, wait_until};

use super::{SOON, idle_connections, install_load};

/// As many uids as together take every connection that is not root's.
const UIDS: u32 = 8;
const EACH: usize = 16;
/// What is sent as a request: the version, then what is asked.
const NOTHING: &str = "''";
const LIST: &str = "chr(1) . chr(0)";
const SUBSCRIBE: &str = "chr(1) . chr(5)";
/// How long one user asks by one uid after the other.
const LONG: Duration = Duration::from_secs(4);

/// Somebody who by one subordinate uid after the other, for ever, connects and sends `packet`, and keeps the connection.
fn crowd(machine: &Machine, packet: &str) -> Running {
    let script = format!(
        "use Socket; $| = 1; for ($n = 0; ; $n++) {{ $> = 0; $> = 100000 + $n % 65536; \
         socket($s[$n % 600], AF_UNIX, SOCK_SEQPACKET, 0); \
         connect($s[$n % 600], pack_sockaddr_un('/run/ck-broker/admin.sock')) or next; \
         $p = {packet}; send($s[$n % 600], $p, MSG_NOSIGNAL) if length $p; print \"begun\\n\" if $n == 500 }}"
    );
    let crowd = machine.host.spawn(&["perl", "-e", &script]);
    wait_until(SOON, "they have come", || crowd.stdout().contains("begun"));
    crowd
}

/// Everybody may ask: root, an administrator without a session, somebody else without one, and alice within one.
fn all_may_ask(machine: &Machine) {
    let in_session = ["ssh", "alice@127.0.0.1", "ckctl status"];
    let by = |uid: &str, gid: &str| {
        let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={gid}"));
        machine.host.run_ok(&["setpriv", &uid, &gid, "--clear-groups", "ckctl", "list"])
    };
    machine.host.run_ok(&["ckctl", "list"]);
    machine.host.run_ok(&in_session);
    by("2004", "2004");
    by("2003", "990");
}

#[test]
fn idle_connections_of_many_uids_keep_nobody_out() {
    let machine = Machine::installed();
    machine.host.run_ok(&["groupadd", "--gid", "990", "ck-admin"]);
    let mut machine = machine;
    machine.start_broker(&[]);
    let idlers: Vec<_> = (0..UIDS)
        .map(|number| {
            let uid = format!("--reuid={}", 100_000 + number);
            idle_connections(&machine, &["setpriv", &uid, "--clear-groups"], EACH)
        })
        .collect();
    for _ in 0..10 {
        all_may_ask(&machine);
    }
    drop(idlers);
    // The same of users who are here.
    install_load(&machine);
    let holders: Vec<_> = (0..UIDS)
        .map(|number| {
            let uid = (3001 + number).to_string();
            let holder = machine.host.spawn(&["broker-load", "hold", &uid, "1"]);
            wait_until(SOON, "a session", || holder.stdout().contains("held"));
            let uid = format!("--reuid={uid}");
            (holder, idle_connections(&machine, &["setpriv", &uid, "--clear-groups"], EACH))
        })
        .collect();
    for _ in 0..10 {
        all_may_ask(&machine);
    }
    drop(holders);
    machine.await_nothing_left();
}

/// Modules that are stopped between two calls, as a user may stop the `su` that they have started; as many as there is room
/// for with so few descriptors, and more.
#[test]
fn modules_that_do_nothing_keep_no_login_from_its_session() {
    let mut machine = Machine::installed();
    machine.start_broker_by(&["prlimit", "--nofile=1024:1024", "/usr/sbin/ck-broker"], &[]);
    let connect = "use Socket; for ($n = 0; ; $n++) { socket($s[$n % 200], AF_UNIX, SOCK_SEQPACKET, 0); \
         connect($s[$n % 200], pack_sockaddr_un('/run/ck-broker/session.sock')) or die $!; \
         print STDERR 'ready' if $n == 200; select(undef, undef, undef, 0.01) }";
    let stopped = machine.host.spawn(&["perl", "-e", connect]);
    wait_until(SOON, "the connections", || stopped.stderr().contains("ready"));
    for _ in 0..20 {
        let shown =
            machine.host.run_ok(&["su", "alice", "-c", "echo ${XDG_SESSION_ID:+in} $XDG_RUNTIME_DIR"]);
        assert_eq!(shown, "in /run/user/2001");
        machine.host.run_ok(&["ssh", "bob@127.0.0.1", "test -d $XDG_RUNTIME_DIR"]);
    }
    assert!(!stopped.is_over(), "{}", stopped.stderr());
    drop(stopped);
    machine.await_nothing_left();
}

/// One user with 65,536 subordinate uids.
#[test]
fn connections_of_ever_more_uids_keep_nobody_out_and_end_no_users() {
    let machine = Machine::installed();
    machine.host.run_ok(&["groupadd", "--gid", "990", "ck-admin"]);
    let mut machine = machine;
    machine.start_broker(&[]);
    // A user who is here, and listens; a connection that does nothing else goes first where there is no room.
    let watch = machine.host.spawn(&["su", "bob", "-c", "ckctl watch"]);
    wait_until(SOON, "the snapshot", || watch.stdout().contains("changes follow"));
    for packet in [NOTHING, LIST, SUBSCRIBE] {
        let crowd = crowd(&machine, packet);
        let start = Instant::now();
        while start.elapsed() < LONG {
            all_may_ask(&machine);
        }
        assert!(!crowd.is_over(), "{}", crowd.stderr());
        assert!(!watch.is_over(), "{packet}: {}", watch.stderr());
    }
    let before = watch.stdout().len();
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    wait_until(SOON, "the listener goes on hearing", || {
        watch.stdout()[before..].contains("user alice (2001) has left")
    });
    drop(watch);
    machine.await_nothing_left();
}
