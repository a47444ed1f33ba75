//! What waits for its teardown does not delay the broker's end, and is torn down by the next one.

use std::time::{Duration, Instant};

use ck_tests::Guarded;
use rustix::process::Signal;

use super::{Mode, SOON, in_each_mode, teardowns};

/// As many workers as there may be at once, and what else waits: to free that would take seconds.
const WORKERS: usize = 4;
const WAITING: usize = 4;
const FILL: &str = "mkdir d; cd d; seq 120000 | xargs touch";
/// A stopped broker is gone within this time.
const ENDS: Duration = Duration::from_millis(500);
const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";

fn stops(mode: Mode) {
    let Guarded { mut machine, .. } = {
        let guarded = mode.up();
        let real = format!("{REMOVER}.real");
        guarded.machine.host.run_ok(&["mv", REMOVER, &real]);
        guarded.machine.host.write_file(REMOVER, "#!/bin/sh\nexec sleep 1000\n", 0o755);
        for user in 0..WORKERS {
            let (uid, name) = (4001 + user, format!("u{user}"));
            guarded.machine.host.run_ok(&["useradd", "--uid", &uid.to_string(), &name]);
            guarded.machine.host.run_ok(&["su", &name, "-c", "echo >$XDG_RUNTIME_DIR/file"]);
        }
        for _ in 0..WAITING {
            guarded.session(FILL);
        }
        guarded
    };
    assert_eq!(teardowns(&machine).len(), WORKERS + WAITING, "nothing waits");
    let mut broker = machine.broker.take().expect("a broker");
    let start = Instant::now();
    broker.signal(Signal::TERM);
    assert!(broker.wait(SOON).is_some(), "the broker does not end");
    let took = start.elapsed();
    println!("it took {took:?}");
    assert!(took < ENDS, "the broker took {took:?} to end");
    machine.host.run_ok(&["mv", &format!("{REMOVER}.real"), REMOVER]);
    mode.start_again(&mut machine);
    machine.await_nothing_left();
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "ls -A $XDG_RUNTIME_DIR"]), "");
    machine.await_nothing_left();
}

in_each_mode! {
    with_tmpfs: stops Tmpfs,
    with_plain_directories: stops Directory,
}
