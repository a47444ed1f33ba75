//! Ten thousand sessions, and people who want to see them.

use std::collections::BTreeSet;

use ck_tests::{Machine, wait_until};
use serde_json::Value;

use super::{SOON, install_load};

const MANY: usize = 10_000;

#[test]
fn ten_thousand_sessions_can_be_listed_watched_and_joined() {
    let machine = Machine::up();
    install_load(&machine);
    // One user may have a quarter of what the broker's descriptors allow.
    let part = (MANY / 4).to_string();
    let holders = ["2001", "2002", "2003", "2004"]
        .map(|uid| machine.host.spawn(&["/usr/local/bin/broker-load", "hold", uid, &part]));
    for holder in &holders {
        wait_until(SOON * 6, "all are open", || {
            assert!(!holder.is_over(), "{}", holder.stderr());
            holder.stdout().contains("held")
        });
    }

    let list = machine.host.run_ok(&["ckctl"]);
    assert!(list.ends_with(&format!("{MANY} sessions listed.")) && list.lines().count() == MANY + 3);
    let ids: BTreeSet<String> =
        machine.sessions().iter().map(|session| session["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(ids.len(), MANY);
    let page = machine.host.run(&["bash", "-o", "pipefail", "-c", "ckctl list | head -n 2"]);
    assert_eq!(page.stdout.lines().count(), 2);
    assert_eq!(page.stderr, "", "a pipe that closes is no failure");

    let watch = machine.host.spawn(&["ckctl", "watch", "--json"]);
    wait_until(SOON * 3, "the snapshot is there", || watch.stdout().contains("\"synced\""));
    machine.host.run_ok(&["su", "bob", "-c", "test -d $XDG_RUNTIME_DIR"]);
    wait_until(SOON, "a change comes behind it", || watch.stdout().contains("\"session_removed\""));
    let lines: Vec<Value> =
        watch.stdout().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told = lines.iter().filter(|line| line["event"] == "session_present");
    assert_eq!(told.map(|line| line["id"].as_str().expect("an id").to_owned()).collect::<BTreeSet<_>>(), ids);

    drop(watch);
    drop(holders);
    machine.await_nothing_left();
}
