//! Workers that cannot be started: the broker tries again, and nobody waits meanwhile.

use ck_tests::{ALICES, Guarded, wait_until};
use rustix::process::Signal;
use serde_json::Value;

use super::SOON;

/// fork(2) and its like fail, as where a limit on processes is reached; then they work again.
#[test]
fn a_worker_that_cannot_be_started_is_started_later() {
    let guarded = Guarded::up_kind("tmpfs");
    let machine = &guarded.machine;
    let broker = machine.broker().pid().to_string();
    let strace = [
        "strace",
        "--quiet=path-resolution",
        "-o",
        "/tmp/trace",
        "-e",
        "inject=clone,clone3,vfork,fork:error=EAGAIN",
        "-p",
        &broker,
    ];
    let tracer = machine.host.spawn(&strace);
    wait_until(SOON, "the tracer", || tracer.stderr().contains("attached"));

    guarded.session("mkdir -p a/b; touch a/b/file");
    wait_until(SOON, "the failure", || machine.broker().stderr().contains("cannot run "));
    let log = machine.broker().stderr();
    let reason = "/usr/libexec/ck/ck-remove-directory: Resource temporarily unavailable (os error 11)";
    assert!(log.contains(reason), "{log}");
    let listed = machine.host.run_ok(&["ckctl", "teardown", "list", "--json"]);
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed[0]["uid"], &listed[0]["state"]), (&2001.into(), &"waiting".into()), "{listed}");
    // Nobody waits for that: neither she nor others.
    for (user, directory) in [("alice", ALICES), ("bob", "/run/user/2002")] {
        let look = "echo $XDG_RUNTIME_DIR; ls -A $XDG_RUNTIME_DIR";
        assert_eq!(machine.host.run_ok(&["su", user, "-c", look]), directory);
    }

    tracer.signal(Signal::TERM);
    wait_until(SOON, "the tracer has gone", || {
        machine.host.read_file(&format!("/proc/{broker}/status")).contains("TracerPid:\t0")
    });
    drop(tracer);
    guarded.assert_gone_and_unharmed();
}
