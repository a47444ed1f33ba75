//! One user's teardown is nobody else's business: whatever a user leaves behind or mounts, the broker answers, others
//! log in as if nothing was, and the user's own next login has a fresh directory.

mod full;
mod fuse;
mod held;
mod large;
mod overlapping;
mod relogin;
mod spinning;
mod unprivileged;

use std::time::{Duration, Instant};

use ck_tests::{Guarded, Host, Machine};

/// Far more than anything takes that waits for nobody, and far less than a hung file system makes one wait.
const PROMPT: Duration = Duration::from_secs(5);

/// Runs a command that is to succeed at once.
fn promptly(host: &Host, command: &[&str]) -> String {
    let start = Instant::now();
    let printed = host.run_ok(command);
    let took = start.elapsed();
    assert!(took < PROMPT, "{command:?} took {took:?}");
    printed
}

/// The broker answers, another user logs in, and alice has a fresh directory, as if there was no teardown.
fn assert_nobody_waits(machine: &Machine) {
    promptly(&machine.host, &["ckctl", "status"]);
    let told = promptly(&machine.host, &["su", "bob", "-c", "echo $XDG_RUNTIME_DIR; ls -A $XDG_RUNTIME_DIR"]);
    assert_eq!(told, "/run/user/2002");
    let look = "echo $XDG_RUNTIME_DIR; cd $XDG_RUNTIME_DIR && ls -A && touch new && stat -c %U:%a .";
    assert_eq!(promptly(&machine.host, &["su", "alice", "-c", look]), "/run/user/2001\nalice:700");
}

/// Puts one of this crate's programs on the host; its path there.
fn install(machine: &Machine, program: &str) -> String {
    let name = program.rsplit('/').next().expect("a name");
    let path = format!("/usr/local/bin/{name}");
    machine.host.write_file(&path, std::fs::read(program).expect("a program of ours"), 0o755);
    path
}

/// The broker, of which nobody wants anything, sleeps without a timer.
fn assert_sleeps(guarded: &Guarded) {
    // Connections that were just used run out within this time.
    std::thread::sleep(Duration::from_secs(1));
    let switches = || {
        let status =
            guarded.machine.host.read_file(&format!("/proc/{}/status", guarded.machine.broker().pid()));
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).expect("a count");
        line.to_owned()
    };
    let before = switches();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(switches(), before, "the broker woke up");
}
