//! Names and mounts that are dear to remove: whoever removes the one or is the last to have the other frees what is there.

use std::time::Duration;

use ck_tests::Guarded;
use ck_tests::siege::{BY_ALICE, Siege, attack, attack_by};

use super::{ATTACK, Mode};

/// To free so many takes more than a second.
const FILES: &str = "500000";
const INODES: &str = "300000";
/// What the broker may need for all that it does for sixty logins and logouts.
const OWN_WORK: Duration = Duration::from_millis(500);

/// The processor time that the broker has used, to the nanosecond.
fn broker_time(guarded: &Guarded) -> Duration {
    let stat = guarded.machine.host.read_file(&format!("/proc/{}/schedstat", guarded.machine.broker().pid()));
    Duration::from_nanos(stat.split(' ').next().expect("a number").parse().expect("nanoseconds"))
}

/// While fifty people log in and out, the broker does little.
fn assert_not_paid_by_the_broker(guarded: &Guarded, siege: &Siege<'_>) {
    let before = broker_time(guarded);
    siege.assert_nobody_notices();
    let used = broker_time(guarded) - before;
    assert!(used < OWN_WORK, "the broker has worked for {used:?}");
}

/// Upon bob's directory, and upon what the broker replaces.
fn on_names(mode: Mode) {
    let guarded = mode.up();
    let host = &guarded.machine.host;
    let siege = Siege::lay(&guarded, ATTACK);
    let bob = host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    guarded.machine.await_sessions(1);
    let attacks: Vec<_> = ["/run/user/2002", "/run/ck-broker/state/next-id"]
        .iter()
        .map(|path| attack(host, &["heavy", FILES, path]))
        .collect();
    host.run_ok(&["pkill", "-u", "bob", "sleep"]);
    guarded.machine.await_sessions(0);
    assert_not_paid_by_the_broker(&guarded, &siege);
    drop((attacks, bob));
    siege.assert_lifted();
}

/// In alice's own directory.
fn in_her_own(mode: Mode) {
    let guarded = mode.up();
    let host = &guarded.machine.host;
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("mkdir gvfs");
    let _ = BY_ALICE;
    let _fuse = attack_by(host, &[], &["fuse-many", "2001", INODES, "/run/user/2001/gvfs"]);
    login.log_out();
    assert_not_paid_by_the_broker(&guarded, &siege);
    siege.assert_lifted();
}

#[test]
fn names_with_tmpfs() {
    on_names(Mode::Tmpfs);
}
#[test]
fn fuse_with_tmpfs() {
    in_her_own(Mode::Tmpfs);
}
