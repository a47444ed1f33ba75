//! Processes of the user's that outlive the session and hold on to the file system.

use ck_tests::Guarded;

use super::assert_nobody_waits;

/// What is held, in KiB.
const HELD: u64 = 50 * 1024;

/// KiB used of the file system that the process `pid` holds.
fn used(guarded: &Guarded, pid: &str) -> u64 {
    let script = format!("echo $((($(stat -f -c '(%b-%f)*%S' /proc/{pid}/root/home/alice/held))/1024))");
    guarded.machine.host.run_ok(&["bash", "-c", &script]).parse().expect("KiB")
}

/// The copy of the mount itself goes with its mount point, in every namespace (Linux 3.18). One that was bound elsewhere
/// does not, and would keep all that is in it.
#[test]
fn memory_is_given_back_though_a_namespace_keeps_the_mount() {
    let guarded = Guarded::up_kind("tmpfs");
    let login = guarded.log_in(&format!(
        "head -c {HELD}K /dev/zero >large; mkdir sub other ~/held
unshare --user --map-root-user --mount bash -c '
    mount --rbind . ~/held && mount -t tmpfs none sub && touch sub/file && mount --bind /canary other &&
    : >/tmp/mounted && exec sleep 1000' &
until [ -e /tmp/mounted ]; do sleep 0.01; done"
    ));
    let holder = guarded.machine.host.run_ok(&["pgrep", "-x", "-u", "alice", "sleep"]);
    let before = used(&guarded, &holder);
    assert!(before >= HELD, "{before} KiB");
    login.log_out();
    assert_nobody_waits(&guarded.machine);
    guarded.machine.await_nothing_left();
    let after = used(&guarded, &holder);
    assert!(after < 64, "{after} of {before} KiB are still used");
    assert!(guarded.machine.host.metadata(&format!("/proc/{holder}")).is_some(), "the namespace is gone");
    guarded.machine.host.run_ok(&["kill", "-9", &holder]);
    guarded.assert_gone_and_unharmed();
}
