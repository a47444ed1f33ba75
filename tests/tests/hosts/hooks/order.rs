//! Which hooks are run, and in which order.

use super::{ETC, LIB, SOON, await_hooks, come_and_go, hook, machine, note, status, told};

#[test]
fn by_name_one_after_another_from_both_directories_and_etc_wins() {
    let machine = machine("");
    // Slow at the beginning of a session that has ended long before.
    hook(&machine, &format!("{ETC}/10-a.ck"), &format!("sleep 0.4; {}", note("a $1 $CK_SESSION_ID")));
    hook(&machine, &format!("{LIB}/20-b.ck"), &format!("sleep 0.1; {}", note("b $1 $CK_SESSION_ID")));
    hook(&machine, &format!("{LIB}/30-c.ck"), &note("wrong"));
    hook(&machine, &format!("{ETC}/30-c.ck"), &note("c $1 $CK_SESSION_ID"));
    machine.host.run_ok(&["ln", "-s", "/usr/local/lib/hook", &format!("{ETC}/40-link.ck")]);
    hook(&machine, "/usr/local/lib/hook", &note("link $1 $CK_SESSION_ID"));
    // What is not run: masked, of another name, hidden, a directory.
    for name in ["50-empty.ck", "51-null.ck", "52-plain", "53-backup.ck~", ".54-hidden.ck"] {
        hook(&machine, &format!("{LIB}/{name}"), &note("wrong"));
    }
    machine.host.write_file(&format!("{ETC}/50-empty.ck"), "", 0o644);
    machine.host.run_ok(&["ln", "-s", "/dev/null", &format!("{ETC}/51-null.ck")]);
    hook(&machine, &format!("{ETC}/52-plain"), &note("wrong"));

    for _ in 0..2 {
        come_and_go(&machine);
    }
    await_hooks(&machine, SOON);
    let expected: Vec<String> = ["session_added", "session_removed"]
        .iter()
        .flat_map(|action| ["a", "b", "c", "link"].map(|name| format!("{name} {action}")))
        .collect();
    for id in ["1", "2"] {
        let told = told(&machine);
        let of_this = told.iter().filter_map(|line| line.strip_suffix(&format!(" {id}")));
        assert_eq!(of_this.collect::<Vec<_>>(), expected, "session {id}: {told:?}");
    }
    assert_eq!(status(&machine)["hooks_failed"], 0, "{}", machine.broker().stderr());
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
    machine.await_nothing_left();
}

#[test]
fn directories_can_be_named_and_no_more_run_at_once_than_configured() {
    let machine = machine("[hooks]\nparallel = 2\nsession_dirs = [\"/opt/none\", \"/opt/hooks\"]\n");
    machine.host.run_ok(&["mkdir", "/opt/hooks"]);
    hook(&machine, &format!("{ETC}/wrong.ck"), &note("wrong"));
    hook(&machine, "/opt/hooks/x.ck", &format!("{}; sleep 0.1; {}", note("begin"), note("end")));
    machine.host.run_ok(&[
        "sh",
        "-c",
        "for i in $(seq 4); do su alice -c true & su bob -c true & done; wait",
    ]);
    await_hooks(&machine, SOON);
    let (mut running, mut most) = (0, 0);
    for line in told(&machine) {
        running += if line == "begin" { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!((most, told(&machine).len()), (2, 32), "{:?}", told(&machine));
}
