//! Teardown workers that their own users stop: each slot is free again soon, and nobody else's teardown waits long.

use std::time::Duration;

use ck_tests::siege::{Siege, attack_by};
use ck_tests::{Running, wait_until};

use super::{ATTACK, Mode, in_each_mode, promptly, teardowns};

/// As many as there are teardowns at once, and the first of them.
const USERS: u32 = 4;
const FIRST: u32 = 3001;
const LOGOUTS: u32 = 8;
/// How long a teardown of bob's may take meanwhile.
const BOBS: Duration = Duration::from_secs(20);

fn stopped(mode: Mode) {
    let guarded = mode.up();
    let host = &guarded.machine.host;
    let siege = Siege::lay(&guarded, ATTACK);
    let stoppers: Vec<Running> = (FIRST..FIRST + USERS)
        .map(|uid| {
            host.run_ok(&["useradd", "--uid", &uid.to_string(), &format!("u{uid}")]);
            let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={uid}"));
            attack_by(host, &["setpriv", &uid, &gid, "--clear-groups"], &["stopper"])
        })
        .collect();
    let leave = format!(
        "for i in $(seq {LOGOUTS}); do for uid in $(seq {FIRST} {}); do su u$uid -c 'cd $XDG_RUNTIME_DIR && seq 300 | xargs touch'; done; done",
        FIRST + USERS - 1
    );
    host.run_ok(&["sh", "-c", &leave]);
    promptly(&guarded.machine, &["su", "bob", "-c", "echo >$XDG_RUNTIME_DIR/file"]);
    wait_until(BOBS, "bob's teardown is done", || {
        teardowns(&guarded.machine).iter().all(|teardown| teardown["uid"] != 2002)
    });
    siege.assert_nobody_notices();
    drop(stoppers);
    siege.assert_lifted();
}

in_each_mode! {
    that_are_stopped: stopped Tmpfs,
    that_are_stopped_with_plain_directories: stopped Directory,
}
