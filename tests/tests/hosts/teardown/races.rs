//! Processes of the user's that go on after the logout.

use std::time::Duration;

use ck_tests::CANARY;

use super::{alices_processes, in_both_kinds, kill_alices, outliving};

/// How long teardown is raced, in seconds.
const RACING: u32 = 30;
/// A tree of root's that is on the same file system as plain runtime directories, unlike the canary; and the way to
/// it from a retired one that leads through no other file system.
const NEAR_CANARY: &str = "/run/canary";
const TO_NEAR_CANARY: &str = "../../../canary";

/// While directories are removed, they and links to root's trees change places.
#[test]
fn directories_that_change_places_with_links() {
    in_both_kinds(|guarded, _| {
        guarded.machine.host.run_ok(&["cp", "-a", CANARY, NEAR_CANARY]);
        let near = guarded.fingerprint(NEAR_CANARY);
        let exchange = outliving(8, "hostile exchange d$i $target");
        guarded.machine.host.write_file(
            "/session",
            format!("cd $XDG_RUNTIME_DIR || exit 1; target=$1; {exchange}"),
            0o644,
        );
        let limit = Duration::from_secs(u64::from(RACING) + 30);
        let raced = guarded.machine.host.run_within(limit, &["bash", "-c", &rounds()]);
        let rounds: u32 = raced.stdout.trim().parse().unwrap_or_else(|_| panic!("{raced:?}"));
        assert!(rounds >= RACING / 10, "{rounds} logouts in {RACING} s");
        assert_eq!(guarded.fingerprint(NEAR_CANARY), near, "the canary nearby was changed");
        guarded.assert_gone_and_unharmed();
    });
}

/// Logs in and out again and again, each time for a teardown that is raced as long as it takes, but not much over a
/// second; prints how often.
fn rounds() -> String {
    format!(
        "while [ $SECONDS -lt {RACING} ]; do
             for target in {CANARY} {TO_NEAR_CANARY}; do
                 su alice -s /bin/bash -c \"bash /session $target\"
                 for i in $(seq 50); do pgrep -x ck-remove-direc >/dev/null || break; sleep 0.02; done
                 pkill -9 -u 2001; rounds=$((rounds + 1))
             done
         done
         echo $rounds"
    )
}

/// What a session finds in its directory a moment after the login: nothing, and that it is hers.
const FRESH: &str = "sleep 0.3; ls -A; stat -c '%a %U' .";

/// What a shell makes is outrun.
#[test]
fn processes_that_make_again_what_is_removed() {
    const FAST: &str = "bash -c 'mkdir -p d$1/e; while :; do : >d$1/e/$RANDOM; : >$RANDOM; done' - $i";
    const SLOW: &str = "bash -c 'while :; do mkdir -p d$1/e; : >d$1/e/$RANDOM; : >$RANDOM; done' - $i";
    in_both_kinds(|guarded, _| {
        for (count, make) in [(1, FAST), (8, SLOW)] {
            guarded.session(&format!("{}\nuntil [ -e d{count}/e ]; do :; done", outliving(count, make)));
            assert_eq!(guarded.session(FRESH), "700 alice", "{count} processes");
            guarded.machine.await_nothing_left();
            assert!(alices_processes(guarded) >= count, "they were not there any more");
            kill_alices(guarded);
        }
        let log = guarded.machine.broker().stderr();
        assert!(!log.contains("ck-remove-directory: "), "the first try did not suffice: {log}");
        guarded.assert_gone_and_unharmed();
    });
}

/// What makes files without a pause is shut out: in the directory, in one below it, and through descriptors.
#[test]
fn processes_that_are_faster_than_the_remover() {
    in_both_kinds(|guarded, _| {
        for count in [1, 8] {
            let recreate = outliving(count, "sh -c \"cd ${place[i % 2]} && exec hostile ${how[i % 3]} r$i\"");
            guarded.session(&format!(
                "mkdir sub; place=(sub .) how=(recreate descriptor recreate)\n{recreate}\n\
                 until [ -e r1 ] && [ -e r{count} -o -e sub/r{count} ]; do :; done"
            ));
            assert_eq!(guarded.session(FRESH), "700 alice", "{count} processes");
            guarded.machine.await_nothing_left();
            kill_alices(guarded);
        }
        let log = guarded.machine.broker().stderr();
        assert!(!log.contains("ck-remove-directory: "), "the first try did not suffice: {log}");
        guarded.assert_gone_and_unharmed();
    });
}

/// Whatever processes of an earlier session still have of its directory, it is not the next one's.
#[test]
fn processes_that_go_on_writing_where_they_were() {
    in_both_kinds(|guarded, _| {
        let append = outliving(1, "bash -c 'while :; do echo x; done >>log'");
        let below = outliving(1, "bash -c 'cd sub/sub && exec hostile recreate below'");
        let above = outliving(1, "bash -c 'while :; do : >../above-$RANDOM; done'");
        let here = outliving(1, "hostile recreate here");
        let by_descriptor = outliving(1, "hostile descriptor there");
        guarded.session(&format!(
            "mkdir -p sub/sub\n{append}\n{below}\n{here}\n{by_descriptor}\ncd sub\n{above}\ncd ..\n\
             until [ -s log ] && [ -e sub/sub/below ] && [ -e here ] && [ -e there ]; do :; done"
        ));
        for _ in 0..2 {
            assert_eq!(guarded.session(FRESH), "700 alice");
        }
        assert!(alices_processes(guarded) >= 1);
        kill_alices(guarded);
        guarded.assert_gone_and_unharmed();
    });
}
