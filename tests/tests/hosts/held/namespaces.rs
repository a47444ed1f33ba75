//! Namespaces of a user's with many mounts.

use ck_tests::siege::{Siege, attack};

use super::{ATTACK, Mode, in_each_mode, is_well};

/// The kernel's cache of names has hardly any answer then, for milliseconds at a time. Whoever asks it alone must not take that
/// for one.
fn that_are_copied(mode: Mode) {
    let guarded = mode.up();
    let siege = Siege::lay(&guarded, ATTACK);
    let copies = [(); 2].map(|()| attack(&guarded.machine.host, &["copies"]));
    siege.assert_nobody_notices();
    drop(copies);
    siege.assert_lifted();
}

in_each_mode! {
    that_are_copied_with_tmpfs: that_are_copied Tmpfs,
    that_are_copied_with_plain_directories: that_are_copied Directory,
    that_are_copied_where_nothing_can_be_mounted: that_are_copied Unprivileged,
}

/// They get every mount of the broker's, where `/` is shared, and have no room for it. The kernel then refuses any mount that would have to appear there (ENOSPC). A login goes on without waiting, and it is
/// told that it has no directory of the configured kind.
#[test]
fn that_are_full() {
    let guarded = Mode::SharedTmpfs.up();
    let siege = Siege::lay(&guarded, ATTACK);
    let full = attack(&guarded.machine.host, &["namespaces", "1"]);
    let logins = siege.logins();
    assert!(logins.iter().all(|login| !login.session.is_empty()), "{logins:?}");
    let bobs: Vec<_> = logins.iter().filter(|login| login.way.ends_with("-bob")).collect();
    let without = bobs.iter().filter(|login| login.directory.is_empty()).count();
    println!("{without} of {} had no directory", bobs.len());
    let session = guarded.machine.host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    guarded.machine.await_sessions(1);
    let mounted = guarded.machine.host.run(&["findmnt", "-n", "-o", "FSTYPE", "/run/user/2002"]);
    if mounted.stdout.trim() != "tmpfs" {
        assert!(!is_well(&guarded.machine), "all is well, it says");
    }
    drop(session);
    drop(full);
    siege.assert_lifted();
    assert!(is_well(&guarded.machine));
}
