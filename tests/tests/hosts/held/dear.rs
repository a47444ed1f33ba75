//! Names and mounts that are dear to remove: whoever removes the one or is the last to have the other frees what is there.

use std::time::Duration;

use ck_tests::siege::{BY_ALICE, Siege, attack_by};
use ck_tests::{Guarded, Host, Running, wait_until};

use super::{ATTACK, Mode, SOON, await_end, in_each_mode};

/// To free so many takes several times as long as the broker may work.
const FILES: &str = "200000";
const INODES: &str = "250000";
/// What the broker may need for all that it does for fifty logins and logouts.
const OWN_WORK: Duration = Duration::from_millis(150);
/// What it replaces or removes at times.
const NAMES: [&str; 5] = [
    "/run/user/2002",
    "/run/ck-broker/next-id",
    "/run/ck-broker/state/next-id",
    "/run/ck-broker/session.sock",
    "/run/ck-broker/admin.sock",
];

/// The processor time that the broker has used, to the nanosecond.
fn broker_time(guarded: &Guarded) -> Duration {
    let stat = guarded.machine.host.read_file(&format!("/proc/{}/schedstat", guarded.machine.broker().pid()));
    Duration::from_nanos(stat.split(' ').next().expect("a number").parse().expect("nanoseconds"))
}

/// Mounts on a name, if alice can reach it: at most two at once, as files take memory.
fn mount_on(host: &Host, name: &str) -> Option<Running> {
    let mut attack = host.spawn(&[&BY_ALICE[..], &["attack", "heavy", FILES, name]].concat());
    wait_until(SOON * 2, "it is mounted or refused", || attack.is_over() || attack.stdout() == "ready\n");
    if attack.stdout() == "ready\n" {
        return Some(attack);
    }
    assert!(attack.stdout().starts_with("refused: "), "{name}: {}{}", attack.stdout(), attack.stderr());
    attack.wait(SOON);
    None
}

fn names(mode: Mode) {
    let guarded = mode.up();
    let host = &guarded.machine.host;
    let siege = Siege::lay(&guarded, ATTACK);
    host.run_ok(&["mkfifo", "-m", "666", "/tmp/bob-leaves"]);
    let bob = host.spawn(&["su", "bob", "-s", "/bin/bash", "-c", "read line <>/tmp/bob-leaves"]);
    guarded.machine.await_sessions(1);
    let attacks: Vec<Running> = NAMES.iter().filter_map(|name| mount_on(host, name)).collect();
    let before = broker_time(&guarded);
    host.run_ok(&["sh", "-c", "echo >/tmp/bob-leaves"]);
    await_end(bob);
    siege.assert_nobody_notices();
    assert_little_work(&guarded, before);
    drop(attacks);
    siege.assert_lifted();
}

/// In alice's own directory.
fn fuse(mode: Mode) {
    let guarded = mode.up();
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("mkdir gvfs");
    let words = ["fuse-many", "2001", INODES, "/run/user/2001/gvfs"];
    let fuse = attack_by(&guarded.machine.host, &[], &words);
    let before = broker_time(&guarded);
    login.log_out();
    siege.assert_nobody_notices();
    siege.assert_lifted();
    assert_little_work(&guarded, before);
    drop(fuse);
}

fn assert_little_work(guarded: &Guarded, before: Duration) {
    let used = broker_time(guarded) - before;
    println!("the broker has worked for {used:?}");
    assert!(used < OWN_WORK, "the broker has worked for {used:?}");
}

in_each_mode! {
    names_with_tmpfs: names Tmpfs,
    names_with_plain_directories: names Directory,
    names_where_nothing_can_be_mounted: names Unprivileged,
    names_with_tmpfs_and_a_shared_root: names SharedTmpfs,
    fuse_in_a_tmpfs: fuse Tmpfs,
    fuse_in_a_plain_directory: fuse Directory,
    fuse_in_a_tmpfs_and_a_shared_root: fuse SharedTmpfs,
}
