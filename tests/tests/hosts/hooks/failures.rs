//! Hooks that go wrong, in every way: each has its one outcome, and keeps no other from being run.

use std::time::{Duration, Instant};

use ck_tests::Machine;

use super::{
    ETC, LIB, SOON, assert_sleeps, await_hooks, come_and_go, descriptors, hook, machine, note, status, told,
};

/// Asserts that the log has `count` lines with all of `words`.
fn assert_logged(machine: &Machine, count: usize, words: &[&str]) {
    let log = machine.broker().stderr();
    let lines = log.lines().filter(|line| words.iter().all(|word| line.contains(word)));
    assert_eq!(lines.count(), count, "{words:?} in:\n{log}");
}

#[test]
fn what_cannot_be_run_is_told_once_and_the_rest_is_run() {
    let machine = machine("");
    let path = |name: &str| format!("{ETC}/{name}");
    machine.host.write_file(&path("10-plain.ck"), "#!/bin/sh\n", 0o644);
    machine.host.write_file(&path("11-all.ck"), "#!/bin/sh\n", 0o777);
    machine.host.write_file(&path("12-alices.ck"), "#!/bin/sh\n", 0o755);
    machine.host.run_ok(&["chown", "alice", &path("12-alices.ck")]);
    machine.host.run_ok(&["mkdir", &path("13-directory.ck")]);
    machine.host.run_ok(&["mkfifo", &path("14-fifo.ck")]);
    machine.host.run_ok(&["ln", "-s", "/tmp/target", &path("15-link.ck")]);
    hook(&machine, "/tmp/target", &note("wrong"));
    machine.host.run_ok(&["ln", "-s", "nowhere", &path("16-dangling.ck")]);
    machine.host.run_ok(&["ln", "-s", "17-loop.ck", &path("17-loop.ck")]);
    let refused = [
        ("10-plain.ck", "not executable"),
        ("11-all.ck", "users other than root"),
        ("12-alices.ck", "users other than root"),
        ("13-directory.ck", "not a regular file"),
        ("14-fifo.ck", "not a regular file"),
        ("15-link.ck", "users other than root can change /tmp"),
        ("16-dangling.ck", "No such file"),
        ("17-loop.ck", "symbolic link"),
    ];
    machine.host.write_file(&path("20-format.ck"), "\u{7f}ELF is what it is not\n", 0o755);
    machine.host.write_file(&path("21-interpreter.ck"), "#!/no/such/interpreter\n", 0o755);
    hook(&machine, &path("30-removes.ck"), &format!("rm -f {}", path("31-gone.ck")));
    hook(&machine, &path("40-last.ck"), &note("last $1"));
    for round in 1..=2 {
        hook(&machine, &path("31-gone.ck"), &note("wrong"));
        come_and_go(&machine);
        await_hooks(&machine, SOON);
        assert_eq!(told(&machine).len(), 2 * round, "{:?}", told(&machine));
        for (name, words) in refused {
            assert_logged(&machine, 1, &[name, words, "warning: "]);
        }
        assert_logged(&machine, 2 * round, &["20-format.ck", "Exec format error"]);
        assert_logged(&machine, 2 * round, &["21-interpreter.ck", "first line"]);
        assert_logged(&machine, round, &["31-gone.ck", "no longer exists"]);
        // Each refusal once, each failed start each time.
        assert_eq!(status(&machine)["hooks_failed"], refused.len() + 5 * round);
    }
    // What is corrected is run, and would be told anew.
    machine.host.run_ok(&["chmod", "755", &path("10-plain.ck")]);
    come_and_go(&machine);
    await_hooks(&machine, SOON);
    machine.host.run_ok(&["chmod", "644", &path("10-plain.ck")]);
    come_and_go(&machine);
    await_hooks(&machine, SOON);
    assert_logged(&machine, 2, &["10-plain.ck", "not executable"]);
}

#[test]
fn a_directory_that_others_can_write_to_is_not_used() {
    for (command, named) in [
        ("chmod 775 /etc/ck/run-session.d", "/etc/ck/run-session.d"),
        ("chown alice /etc/ck", "/etc/ck"),
        ("mv /etc/ck /var/tmp/ck && ln -s /var/tmp/ck /etc/ck", "/var/tmp"),
    ] {
        let machine = machine("");
        hook(&machine, &format!("{ETC}/x.ck"), &note("wrong"));
        hook(&machine, &format!("{LIB}/y.ck"), &note("right"));
        machine.host.run_ok(&["sh", "-c", command]);
        come_and_go(&machine);
        await_hooks(&machine, SOON);
        assert_eq!(told(&machine), ["right", "right"], "{command}");
        assert_logged(
            &machine,
            1,
            &["hooks: /etc/ck/run-session.d is not used", &format!("change {named}:")],
        );
        assert_eq!(status(&machine)["hooks_failed"], 1);
    }
}

#[test]
fn what_fails_while_it_runs_is_told_and_the_rest_is_run() {
    let machine = machine("[hooks]\ndeadline = \"1500ms\"\n");
    let before = descriptors(&machine);
    let path = |name: &str| format!("{ETC}/{name}");
    // Only at the beginning, so that one look at the log is enough.
    let once = "[ $1 = session_added ] || exit 0; ";
    hook(&machine, &path("10-fails.ck"), &format!("{once} exit 3"));
    hook(&machine, &path("11-dies.ck"), &format!("{once} kill -9 $$"));
    hook(&machine, &path("20-hangs.ck"), &format!("{once} (trap '' TERM; exec sleep 1005) & sleep 1000"));
    let stubborn = "trap '' TERM; setpriv --reuid=2001 --clear-groups sleep 1001 & sleep 1002 & while :; do sleep 1003; done";
    hook(&machine, &path("21-ignores.ck"), &format!("{once} {stubborn}"));
    hook(&machine, &path("30-floods.ck"), &format!("{once} yes flood"));
    hook(&machine, &path("31-grandchild.ck"), &format!("{once} setsid sleep 1004 & echo started"));
    let escapes = "printf 'a\\033[31mb\\nno end'; printf 'to \\377 stderr\\n' >/dev/stderr";
    hook(&machine, &path("40-prints.ck"), &format!("{once} {escapes}"));
    hook(&machine, &path("50-last.ck"), &note("last $1"));
    let start = Instant::now();
    come_and_go(&machine);
    assert!(start.elapsed() < Duration::from_secs(4), "the login waited");
    await_hooks(&machine, SOON);
    assert_eq!(told(&machine), ["last session_added", "last session_removed"]);

    assert_logged(&machine, 1, &["hook 10-fails.ck (session_added of session 1): exit status: 3"]);
    assert_logged(&machine, 1, &["hook 11-dies.ck (session_added of session 1): signal: 9"]);
    assert_logged(&machine, 1, &["hook 20-hangs.ck (session_added of session 1): took longer than 1.5s"]);
    assert_logged(&machine, 1, &["hook 21-ignores.ck", "took longer than 1.5s"]);
    let floods = machine.broker().stderr().lines().filter(|line| line.ends_with(": flood")).count();
    assert_eq!(floods, 100);
    assert_logged(&machine, 1, &["hook 30-floods.ck", "the rest is not read"]);
    assert_logged(&machine, 1, &["hook 31-grandchild.ck (session_added of session 1): started"]);
    assert_logged(&machine, 1, &["hook 40-prints.ck", r"): a\u{1b}[31mb"]);
    assert_logged(&machine, 1, &["hook 40-prints.ck", "): no endto \u{fffd} stderr"]);
    // 10, 11, 20, 21, and 30 by SIGPIPE.
    assert_eq!(status(&machine)["hooks_failed"], 5, "{}", machine.broker().stderr());
    let left = machine.host.run_ok(&["sh", "-c", "ps -eo args= | grep '^sleep 100' || true"]);
    assert_eq!(left, "sleep 1004", "only what left its group is there");
    machine.host.run_ok(&["pkill", "-x", "-f", "sleep 1004"]);
    machine.await_nothing_left();
    assert_eq!(descriptors(&machine), before, "descriptors were left open");
    assert_sleeps(&machine);
}

#[test]
fn a_configuration_that_makes_no_sense() {
    let machine = Machine::installed();
    for (toml, word) in
        [("parallel = 0", "1 to 64"), ("deadline = 15", "string"), ("dir = []", "session_dirs")]
    {
        machine.host.write_file("/tmp/bad.toml", format!("[hooks]\n{toml}\n"), 0o644);
        let output = machine.host.run(&["ck-broker", "--check-config", "--config=/tmp/bad.toml"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stderr.contains("/tmp/bad.toml:2") && output.stderr.contains(word), "{output:?}");
    }
}
