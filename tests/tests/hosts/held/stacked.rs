//! File systems by the hundred, one upon another, on the user's own directory.

use std::time::Duration;

use ck_tests::siege::{Siege, attack_by};
use ck_tests::{ALICES, wait_until};

use super::{ATTACK, Mode, in_each_mode};

const LAYERS: &str = "990";
/// How long after the logout none is left.
const ALL_GONE: Duration = Duration::from_secs(30);

fn layers(mode: Mode) {
    let guarded = mode.up();
    let host = &guarded.machine.host;
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("head -c 8M /dev/zero >large");
    let fuse = attack_by(host, &[], &["layers", "2001", LAYERS, ALICES]);
    login.log_out();
    siege.assert_nobody_notices();
    let took = wait_until(ALL_GONE, "they are all gone", || {
        !host.read_file("/proc/1/mounts").lines().any(|line| line.contains(" fuse "))
    });
    println!("gone {took:?} after fifty logins");
    drop(fuse);
    siege.assert_lifted();
}

in_each_mode! {
    on_a_tmpfs: layers Tmpfs,
    on_a_plain_directory: layers Directory,
    on_a_tmpfs_and_the_root_is_shared: layers SharedTmpfs,
}
