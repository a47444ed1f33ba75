//! Process ids that one user takes: what cannot be started for want of one is started later, without any help.

use std::time::Duration;

use ck_tests::siege::{attack, install};
use ck_tests::wait_until;
use rustix::process::Signal;

use super::{ATTACK, Mode, SOON, in_each_mode};

/// Longer than all tries of a teardown take (21 s), as each fails at once.
const SECONDS: &str = "26";
/// How long after the attack all is gone: a pause between two tries, and the work.
const AFTER: Duration = Duration::from_secs(20);
/// What a host may have of them. It is a limit of its own only since 6.14: before, it would be the machine's.
const PIDS: &str = "echo 400 >/proc/sys/kernel/pid_max";

fn taken(mode: Mode) {
    let guarded = mode.up();
    let machine = &guarded.machine;
    if machine.kernel() < (6, 14) {
        eprintln!("left out: the limit of process ids would be the machine's");
        return;
    }
    let host = &machine.host;
    install(machine, ATTACK);
    host.run_ok(&["sh", "-c", PIDS]);
    let bob =
        host.spawn(&["su", "bob", "-c", "head -c 8M /dev/zero >$XDG_RUNTIME_DIR/large; exec sleep 1000"]);
    machine.await_sessions(1);
    wait_until(SOON, "his file", || host.metadata("/run/user/2002/large").is_some());
    let mut bomb = attack(host, &["bomb", SECONDS]);
    // The leader dies, which needs no process id.
    bob.signal(Signal::KILL);
    let ended = bomb.wait(Duration::from_secs(60));
    assert!(ended.is_some_and(|status| status.success()), "{}", bomb.stderr());
    let after = wait_until(AFTER, "bob's teardown is done", || {
        let listed = host.run(&["ckctl", "teardown", "list"]).stdout;
        listed.starts_with("No teardowns.") && host.metadata("/run/user/2002").is_none()
    });
    println!("done {after:?} after the attack");
    guarded.assert_gone_and_unharmed();
}

in_each_mode! {
    that_are_taken: taken Tmpfs,
    that_are_taken_with_plain_directories: taken Directory,
}
