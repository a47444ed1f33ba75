//! System calls that fail while the child becomes the user, and system calls that do nothing but return success. A
//! process that is not the user for good must touch nothing.

use crate::stage::{Outcome, Stage, through};
use std::fs;

/// Runs the remover after `words`, with `fault` (in the syntax of strace(1)) injected into each of its processes.
/// Nothing may be touched, the only line must contain `step`, and the exit status must be `status`.
fn assert_untouched(words: &[&str], fault: &str, step: &str, status: i32) {
    let stage = Stage::new();
    stage.user_file("precious");
    let trace = stage.beside("trace");
    let (inject, trace_path) = (format!("inject={fault}"), trace.to_str().unwrap());
    let strace = ["strace", "-f", "-qq", "-o", trace_path, "-e", &inject];
    let traced = through(&[words, &strace].concat(), &stage.command(&["--json"])).output();
    let outcome = Outcome::of(traced.expect("strace: run tests/setup"));
    let trace = fs::read_to_string(trace).unwrap();
    assert!(trace.contains("(INJECTED)"), "{fault} did not happen: {outcome:?}\n{trace}");
    assert_eq!(
        (outcome.code, outcome.stderr.lines().count()),
        (Some(status), 1),
        "{fault}: {outcome:?}\n{trace}"
    );
    assert!(outcome.stderr.contains(step), "{fault}: {outcome:?}");
    assert_eq!((&outcome.json()["gone"], &outcome.json()["removed"]), (&false.into(), &0.into()), "{fault}");
    assert!(stage.inside("precious").exists(), "{fault}: {trace}");
}

#[test]
fn a_call_that_fails_ends_it() {
    for (fault, step) in [
        // RLIMIT_NPROC or pids.max of a cgroup is reached.
        ("clone,fork,vfork,clone3:error=EAGAIN", "cannot start a child process"),
        ("pipe2:error=EMFILE", "cannot make a pipe"),
        ("setgroups:error=ENOMEM", "cannot leave root's groups (setgroups): "),
        ("setresgid:error=EAGAIN", "cannot become gid 2001 (setresgid): "),
        ("setresuid:error=EAGAIN", "cannot become uid 2001 (setresuid): "),
        ("setresuid:error=EPERM", "cannot become uid 2001 (setresuid): "),
        ("capset:error=EPERM", "cannot drop the capabilities (capset): "),
        ("prctl:error=EINVAL:when=2+", "(prctl)"),
    ] {
        let out_of_resources =
            fault.contains("EAGAIN") || fault.contains("EMFILE") || fault.contains("ENOMEM");
        assert_untouched(&[], fault, step, if out_of_resources { 4 } else { 1 });
    }
}

/// A call may do nothing because of a sandbox, or a bug in the kernel or in a library. Everything that was set is
/// read back.
#[test]
fn a_call_that_did_nothing_ends_it() {
    let with_groups = ["setpriv", "--groups=0,4,27"];
    let with_capabilities = ["setpriv", "--securebits=+no_setuid_fixup", "--inh-caps=+dac_override,+setuid"];
    for (words, fault, step) in [
        (&[][..], "setresuid:retval=0", "uid 0 can be taken again"),
        (&[], "setresuid:retval=0:when=1", "uid 0 can be taken again"),
        (&[], "setresgid:retval=0:when=1", "gid 0 can be taken again"),
        (&with_groups, "setgroups:retval=0", "supplementary groups are left"),
        (&with_capabilities, "capset:retval=0", "still has root's rights after giving them up"),
        (&[], "prctl:retval=0", "no_new_privs is not set"),
    ] {
        assert_untouched(words, fault, step, 1);
    }
}
