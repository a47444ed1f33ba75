//! Locks of directories: whoever reads one can keep everybody waiting who looks up, makes or removes a name there.

use ck_tests::siege::{Siege, attack};
use ck_tests::{ALICES, Host, Running};

use super::{ATTACK, Mode, in_each_mode, is_well, promptly};

/// Every directory in which the broker or the module has something.
const PLACES: [&str; 4] = ["/run/user", "/run/ck-broker", "/var/lib/ck", "/var/lib/ck/linger"];
/// One that everybody may read, on the file system of `/run`.
const READABLE: &str = "/run/sshd";

/// Each is held if it may be read; otherwise whoever waits to rename something to it may hold it. And somebody waits to
/// write, so that who comes later to read waits too.
pub(super) fn hold(host: &Host, places: &[&str]) -> Vec<Running> {
    let mut attacks = vec![attack(host, &[&["hold", READABLE], places].concat())];
    for place in places {
        attacks.push(attack(host, &["rename-hold", READABLE, place]));
        attacks.push(attack(host, &["mkdirs", place]));
    }
    attacks
}

fn the_places(mode: Mode) {
    let guarded = mode.up();
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("mkdir d; touch d/file");
    let attacks = hold(&guarded.machine.host, &PLACES);
    login.log_out();
    if mode == Mode::Unprivileged {
        // The root itself is held: everybody has a session, and is told of no directory that is not there.
        assert!(siege.logins().iter().all(|login| !login.session.is_empty()));
        assert!(!is_well(&guarded.machine));
        drop(attacks);
        return siege.assert_lifted();
    }
    siege.assert_nobody_notices();
    promptly(&guarded.machine, &["ckctl", "linger", "on", "bob"]);
    promptly(&guarded.machine, &["ckctl", "linger", "off", "bob"]);
    assert_eq!(promptly(&guarded.machine, &["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    drop(attacks);
    siege.assert_lifted();
}

/// Her own directory she may hold, of course.
fn her_own(mode: Mode) {
    let guarded = mode.up();
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("mkdir d; touch d/file");
    let held = attack(&guarded.machine.host, &["hold", ALICES, "/run/user/2001/d"]);
    login.log_out();
    siege.assert_nobody_notices();
    // She alone may be without one, and waits for nobody.
    let told = promptly(&guarded.machine, &["su", "alice", "-c", "echo told $XDG_RUNTIME_DIR"]);
    assert!(["told", "told /run/user/2001"].contains(&told.as_str()), "{told}");
    drop(held);
    siege.assert_lifted();
}

in_each_mode! {
    of_the_places_with_tmpfs: the_places Tmpfs,
    of_the_places_with_plain_directories: the_places Directory,
    of_the_places_where_nothing_can_be_mounted: the_places Unprivileged,
    of_the_places_with_tmpfs_and_a_shared_root: the_places SharedTmpfs,
    of_the_places_with_plain_directories_and_a_shared_root: the_places SharedDirectory,
    of_her_own_tmpfs: her_own Tmpfs,
    of_her_own_plain_directory: her_own Directory,
    of_her_own_directory_where_nothing_can_be_mounted: her_own Unprivileged,
    of_her_own_plain_directory_and_a_shared_root: her_own SharedDirectory,
}
