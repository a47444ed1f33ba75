//! A worker that not even SIGKILL ends, as somebody who was killed holds a lock: it is told of until it is over.

use ck_tests::siege::{Siege, attack, shmem};
use ck_tests::{Host, wait_until};

use super::{ATTACK, Mode, SOON, in_each_mode, is_well, teardowns};

/// What the user leaves, in KiB, and how much less the machine must hold in the end, whatever else goes on on it.
const HELD: u64 = 256 << 10;
const GIVEN_BACK: u64 = HELD / 2;

/// Aborts the connection of the file system that the dead wait for, when it is dropped.
struct Aborted<'h>(&'h Host);

impl Drop for Aborted<'_> {
    fn drop(&mut self) {
        let abort =
            "for pid in $(pgrep -f held-by); do nsenter --target $pid --mount umount -f /mnt && break; done";
        self.0.run(&["sh", "-c", abort]);
    }
}

fn kept(mode: Mode) {
    let guarded = mode.up();
    let machine = &guarded.machine;
    let siege = Siege::lay(&guarded, ATTACK);
    let login = guarded.log_in("mkdir d; touch d/file; head -c 256M /dev/zero >large");
    let before = shmem();
    let abort = Aborted(&machine.host);
    let held = attack(&machine.host, &["hold", "--keep", "/run/user/2001/d"]);
    login.log_out();
    machine.host.run(&["pkill", "-KILL", "-u", "alice"]);
    drop(held);
    let mut shown = String::new();
    wait_until(SOON, "it is shown as abandoned", || {
        shown = machine.host.run_ok(&["ckctl", "teardown", "list", "--json"]);
        teardowns(machine).iter().any(|teardown| teardown["state"] == "abandoned" && teardown["uid"] == 2001)
    });
    let abandoned = teardowns(machine).remove(0);
    assert!(abandoned["since"].is_string(), "{shown}");
    if mode == Mode::Tmpfs {
        assert!(abandoned["bytes"].as_u64().is_some_and(|bytes| bytes >= HELD << 10), "{shown}");
    }
    assert!(!is_well(machine), "all is well, it says");
    siege.assert_nobody_notices();
    assert!(!is_well(machine), "all is well, it says");
    drop(abort);
    if mode == Mode::Tmpfs {
        wait_until(SOON, "the memory is given back", || shmem() + GIVEN_BACK <= before);
    }
    siege.assert_lifted();
    // Where nothing can be mounted, that is told of all the time.
    assert!(mode == Mode::Unprivileged || is_well(machine), "{}", machine.host.run_ok(&["ckctl", "status"]));
}

in_each_mode! {
    a_lock_in_a_tmpfs: kept Tmpfs,
    a_lock_in_a_plain_directory: kept Directory,
    a_lock_in_a_directory_where_nothing_can_be_mounted: kept Unprivileged,
}
