//! Kernels that lack what newer ones have: see `ck_tests::older_kernel`. `make vm` runs the same, and others, on a
//! Linux 6.1.

use std::time::{Duration, Instant};

use ck_tests::older_kernel::{FIRST_UNKNOWN, broker, on};
use ck_tests::wait::patience;
use ck_tests::{ALICES, Guarded, Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn sessions_open_end_and_outlive_the_broker() {
    for (_, first_unknown) in FIRST_UNKNOWN {
        let mut machine = Machine::installed();
        machine.start_broker_by(&broker(first_unknown), &[]);
        let su = ["su", "alice", "-s", "/bin/sh", "-c", "mkdir $XDG_RUNTIME_DIR/here; sleep 100"];
        let login = machine.host.spawn(&[&on(first_unknown)[..], &su].concat());
        wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/here").is_some());
        let before = machine.session();

        machine.broker.take().expect("a broker").signal(Signal::KILL);
        machine.start_broker_by(&broker(first_unknown), &[]);
        assert_eq!(machine.session(), before);

        // Nobody closes this session: that its leader died is seen.
        login.signal(Signal::KILL);
        machine.await_nothing_left();
    }
}

#[test]
fn directories_without_permissions_go_of_either_kind() {
    for (kind, (_, first_unknown)) in ["tmpfs", "directory"].into_iter().zip(FIRST_UNKNOWN) {
        let mut machine = Machine::installed();
        machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        let toml = format!("[runtime_dir]\nkind = \"{kind}\"\n");
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        machine.start_broker_by(&broker(first_unknown), &[]);
        let script = "cd $XDG_RUNTIME_DIR && mkdir -p a/b/c d/e && touch a/b/c/file && chmod 0 a/b/c a/b a d/e d . && pwd";
        assert_eq!(machine.host.run_ok(&["su", "alice", "-s", "/bin/sh", "-c", script]), ALICES);
        machine.await_nothing_left();
    }
}

/// Landlock is younger than 5.10: there the child is confined by less, and that is told.
#[test]
fn the_remover_goes_on_without_landlock() {
    let machine = Machine::installed();
    for ((_, first_unknown), confined) in FIRST_UNKNOWN.into_iter().zip([true, false]) {
        machine.host.run_ok(&["install", "-d", "-m", "700", "-o", "alice", ALICES, "/run/user/2001/deep"]);
        let remover =
            ["/usr/libexec/ck/ck-remove-directory", "--uid=2001", "--dest=/run/user/2001", "--json"];
        let summary = machine.host.run_ok(&[&on(first_unknown)[..], &remover].concat());
        assert!(summary.contains(&format!("\"confined\":{confined}")), "{summary}");
        assert!(!machine.has_alices());
    }
}

/// The peer died before the broker came to look, and its pid is another's by then.
#[test]
fn a_pid_that_was_passed_on_is_not_taken_for_the_peer() {
    let mut machine = Machine::installed();
    machine.start_broker_by(&broker(FIRST_UNKNOWN[0].1), &[]);
    machine.broker().signal(Signal::STOP);
    // The kernel gives the number after the last one; somebody else may be faster.
    let script = "su alice -s /bin/sh -c 'sleep 100' & peer=$!
        until [ $(grep -c session.sock /proc/net/unix) -ge 2 ]; do :; done # it is connected
        kill -9 $peer; wait $peer
        until [ \"$!\" = $peer ] && [ -n \"$took\" ]; do
            echo $((peer - 1)) >/proc/sys/kernel/ns_last_pid; sleep 100 & took=yes
            [ $! = $peer ] || kill $!
        done
        echo $peer; wait";
    let other = machine.host.spawn(&["sh", "-c", script]);
    wait_until(SOON, "another has the pid", || other.stdout().ends_with('\n'));
    machine.broker().signal(Signal::CONT);
    wait_until(SOON, "it is refused", || machine.broker().stderr().contains("its process cannot be watched"));
    machine.await_nothing_left();
    machine.host.run_ok(&["kill", "-0", other.stdout().trim()]);
}

/// Before Linux 6.16 descriptors that a peer pushes arrive, and who drops the last copy of one closes it: a connection
/// with unsent data and SO_LINGER would take an hour.
#[test]
fn closing_what_others_push_is_nothing_that_the_broker_waits_for() {
    const PEER: &str = "/tmp/hostile-peer";
    let guarded = Guarded::up_by(&broker(FIRST_UNKNOWN[0].1), "");
    let machine = &guarded.machine;
    let program = std::fs::read(env!("CARGO_BIN_EXE_hostile-peer")).expect("the driver");
    machine.host.write_file(PEER, program, 0o755);
    let by_bob = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", PEER];
    let logs_in = || {
        let start = Instant::now();
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
        start.elapsed()
    };
    let peer = machine.host.spawn(&[&by_bob[..], &["linger", "100"]].concat());
    wait_until(SOON, "they are pushed", || {
        assert!(!peer.is_over(), "{}", peer.stderr());
        peer.stderr().contains("taken 100")
    });
    for _ in 0..5 {
        assert!(logs_in() < patience(Duration::from_secs(1)));
    }
    // Nor when more come than are let in, and by root at the other socket.
    let mut flood = machine.host.spawn(&[&by_bob[..], &["descriptors", "admin", "4000"]].concat());
    while !flood.is_over() {
        logs_in();
    }
    assert!(flood.wait(SOON).is_some_and(|status| status.success()), "{}", flood.stderr());
    machine.host.run_ok(&[PEER, "descriptors", "session", "1000"]);
    machine.host.run_ok(&["ckctl"]);
    drop(peer);
    let processes = || machine.host.run(&["pgrep", "-f", "[-]-close-descriptors"]).stdout;
    wait_until(SOON, "nothing is left to be closed", || processes().is_empty());
    guarded.assert_gone_and_unharmed();
}
