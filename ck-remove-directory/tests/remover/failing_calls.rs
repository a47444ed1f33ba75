//! System calls that fail on the way from root to the user, and some that only say that they did not: whatever is not
//! the user for good touches nothing.

use std::fs;

use crate::stage::{Outcome, Stage, through};

/// Runs the remover, each of whose processes meets `fault` (as strace(1) spells it), after `words`; nothing may be
/// touched, the one line must say `step`, and the exit status whether to try again is of use.
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
        // RLIMIT_NPROC, or the pids of a cgroup, are used up.
        ("clone,fork,vfork,clone3:error=EAGAIN", "cannot start a child process"),
        ("pipe2:error=EMFILE", "cannot make a pipe"),
        ("setgroups:error=ENOMEM", "cannot leave root's groups (setgroups): "),
        ("setresgid:error=EAGAIN", "cannot become gid 2001 (setresgid): "),
        ("setresuid:error=EAGAIN", "cannot become uid 2001 (setresuid): "),
        ("setresuid:error=EPERM", "cannot become uid 2001 (setresuid): "),
        ("capset:error=EPERM", "cannot drop the capabilities (capset): "),
        ("prctl:error=EINVAL:when=2+", "(prctl)"),
    ] {
        let machines = fault.contains("EAGAIN") || fault.contains("EMFILE") || fault.contains("ENOMEM");
        assert_untouched(&[], fault, step, if machines { 4 } else { 1 });
    }
}

/// A kernel that does not do what it says, a sandbox, a bug in a library: what was set is read back.
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
