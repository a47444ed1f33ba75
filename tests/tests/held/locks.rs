//! Locks of directories: whoever reads one can keep everybody waiting who looks up, makes or removes a name there.

use std::time::{Duration, Instant};

use ck_tests::siege::{Siege, attack};
use ck_tests::{ALICES, Guarded, Running};

use super::{ATTACK, Mode};

/// What root asks for meanwhile is done at once.
const PROMPT: Duration = Duration::from_secs(1);

/// Every directory in which the broker or the module has something, and one more of `/run`, for those who may not read
/// the others.
fn hold_places(guarded: &Guarded) -> Vec<Running> {
    let host = &guarded.machine.host;
    let places = ["/run/user", "/run/ck-broker", "/var/lib/ck", "/var/lib/ck/linger"];
    let mut attacks = vec![attack(host, &[&["hold", "/run/sshd"], &places[..]].concat())];
    for place in places {
        attacks.push(attack(host, &["rename-hold", "/run/sshd", place]));
        attacks.push(attack(host, &["mkdirs", place]));
    }
    attacks
}

fn promptly(guarded: &Guarded, command: &[&str]) -> String {
    let start = Instant::now();
    let told = guarded.machine.host.run_ok(command);
    assert!(start.elapsed() < PROMPT, "{command:?} took {:?}", start.elapsed());
    told
}

fn the_places(mode: Mode) {
    let guarded = mode.up();
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("mkdir d; touch d/file");
    let attacks = hold_places(&guarded);
    login.log_out();
    siege.assert_nobody_notices();
    promptly(&guarded, &["ckctl", "linger", "on", "bob"]);
    promptly(&guarded, &["ckctl", "linger", "off", "bob"]);
    assert_eq!(promptly(&guarded, &["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
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
    let told = promptly(&guarded, &["su", "alice", "-c", "echo told $XDG_RUNTIME_DIR"]);
    assert!(["told", "told /run/user/2001"].contains(&told.as_str()), "{told}");
    drop(held);
    siege.assert_lifted();
}

macro_rules! in_each_mode {
    ($($name:ident: $attack:ident $mode:ident),* $(,)?) => { $(
        #[test]
        fn $name() {
            $attack(Mode::$mode);
        }
    )* };
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
