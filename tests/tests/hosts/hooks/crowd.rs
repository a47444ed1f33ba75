//! T28: a thousand leaders die at one blow while hooks run, and some of these do what they should not.

use std::collections::BTreeMap;
use std::time::Duration;

use ck_tests::wait_until;

use super::{ETC, LIB, assert_sleeps, await_hooks, descriptors, hook, machine, note, status, told};

const COUNT: usize = 1000;
const CHURN: &str = "/usr/local/bin/churn";
/// Two thousand changes with two hooks each, on a slow machine.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn a_thousand_deaths_are_told_once_each_in_order_while_some_hooks_misbehave() {
    let machine = machine("[hooks]\ndeadline = \"3s\"\n");
    let churn = std::fs::read(env!("CARGO_BIN_EXE_churn")).expect("a program of ours");
    machine.host.write_file(CHURN, churn, 0o755);
    let before = descriptors(&machine);
    hook(&machine, &format!("{ETC}/10-first.ck"), &note("first $1 $CK_SESSION_ID"));
    // Now and then one asks, opens sessions, hangs, ignores SIGTERM, floods or fails.
    let script = "case $CK_SESSION_USER_UID.$1.$CK_SESSION_ID in\n\
                  2001.*.*50) ckctl list >/dev/null;;\n\
                  2001.*.101|2001.*.501) su -l bob -c true;;\n\
                  2001.*.202) ssh bob@127.0.0.1 true;;\n\
                  2001.*.303) sleep 1000;;\n\
                  2001.*.404) trap '' TERM; while :; do sleep 1000; done;;\n\
                  2001.*.505) yes;;\n\
                  2001.*.606) exit 1;;\n\
                  esac";
    hook(&machine, &format!("{LIB}/20-second.ck"), script);
    hook(&machine, &format!("{LIB}/30-third.ck"), &note("third $1 $CK_SESSION_ID"));
    let start = format!(
        "mkfifo /tmp/never; exec 3<>/tmp/never; for i in $(seq {COUNT}); do {CHURN} leader 2001 waits <&3 & done; wait"
    );
    let _leaders = machine.host.spawn(&["sh", "-c", &start]);
    wait_until(LONG, "all are logged in", || status(&machine)["sessions"].as_u64() >= Some(COUNT as u64));
    machine.host.run_ok(&["pkill", "-9", "-x", "churn"]);
    wait_until(LONG, "all have ended", || status(&machine)["sessions"] == 0 && !machine.has_alices());
    // Long before all hooks have run, others come and go.
    machine.host.run_ok(&["ssh", "alice@127.0.0.1", "test -d $XDG_RUNTIME_DIR"]);
    wait_until(LONG, "bob's sessions within hooks are over", || {
        await_hooks(&machine, LONG);
        status(&machine)["sessions"] == 0
    });
    await_hooks(&machine, LONG);
    machine.await_nothing_left();

    let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in told(&machine) {
        let (what, id) = line.rsplit_once(' ').expect("a line of a hook");
        of.entry(id.to_owned()).or_default().push(what.to_owned());
    }
    // Those of the crowd, that one login, and bob's: two by su and one by ssh, in each of two actions.
    assert_eq!(of.len(), COUNT + 1 + 6);
    for (id, told) in of {
        let expected =
            ["first session_added", "third session_added", "first session_removed", "third session_removed"];
        assert_eq!(told, expected, "session {id}");
    }
    let log = machine.broker().stderr();
    // Four of these hooks failed, at the beginning and at the end of a session each.
    assert_eq!(status(&machine)["hooks_failed"], 8, "{log}");
    let ended = log.lines().filter(|line| line.contains(") ended: ")).count();
    assert_eq!(ended, COUNT + 7, "each session ends once");
    assert_eq!(descriptors(&machine), before, "descriptors were left open");
    assert_sleeps(&machine);
}
