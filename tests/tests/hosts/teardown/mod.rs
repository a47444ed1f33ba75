//! Teardown that nothing can fool, stop or slow down: real logouts from directories in which a
//! hostile user has done what users can do.

mod accounts;
mod contents;
mod foreign;
mod mounts;
mod races;

use std::time::Duration;

use ck_tests::Guarded;

const SOON: Duration = Duration::from_secs(10);

/// Runs `case` on two machines at the same time: one whose runtime directories are tmpfs, and one
/// whose runtime directories are plain. It is told the kind.
fn in_both_kinds(case: fn(&Guarded, &str)) {
    std::thread::scope(|scope| {
        for kind in ["tmpfs", "directory"] {
            scope.spawn(move || case(&armed(kind), kind));
        }
    });
}

/// A machine on which alice has the program `hostile`.
fn armed(kind: &str) -> Guarded {
    let guarded = Guarded::up_kind(kind);
    let program = std::fs::read(env!("CARGO_BIN_EXE_hostile")).expect("the program is built with the tests");
    guarded.machine.host.write_file("/usr/local/bin/hostile", program, 0o755);
    guarded
}

/// The command line that starts `count` processes of alice's which outlive the logout; each runs `command`, in
/// which `$i` is its number.
fn outliving(count: usize, command: &str) -> String {
    format!("for i in $(seq {count}); do setsid nohup {command} </dev/null >/dev/null 2>&1 & done")
}

/// Ends all of alice's processes: on that machine only, in whose pid namespace this runs.
fn kill_alices(guarded: &Guarded) {
    guarded.machine.host.run(&["pkill", "-9", "-u", "2001"]);
}

/// How many processes of alice's there are.
fn alices_processes(guarded: &Guarded) -> usize {
    guarded.machine.host.run(&["pgrep", "-u", "2001"]).stdout.lines().count()
}
