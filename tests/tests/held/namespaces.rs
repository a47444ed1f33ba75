//! Namespaces of a user's that get every mount of the broker's and have no room for it, where `/` is shared.

use ck_tests::siege::{Siege, attack};

use super::{ATTACK, Mode, is_well};

/// The kernel then refuses any mount that would have to appear there (ENOSPC). A login goes on without waiting, and it is
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
