//! The last logout of a user meets the next login: every session has the directory that it was told, as long as it
//! lasts.

use ck_tests::Guarded;

use super::install;

const LOAD: &str = env!("CARGO_BIN_EXE_broker-load");

fn overlap(kind: &str) {
    let guarded = Guarded::up_kind(kind);
    let load = install(&guarded.machine, LOAD);
    // Few processes, so that there are many moments at which the last session ends; more, so that they meet.
    let mut races = 0;
    for processes in ["2", "3", "5"] {
        let told = guarded.machine.host.run_ok(&[&load, "overlap", "2001", processes, "2000"]);
        let (sessions, fresh) = told.split_once(' ').expect("two counts");
        let (sessions, fresh): (u32, u32) =
            (sessions.parse().expect("a count"), fresh.parse().expect("a count"));
        assert!(fresh < sessions, "{fresh} of {sessions} sessions were the first: none met another");
        races += fresh;
    }
    assert!(races > 100, "{races} first sessions: the race was hardly run");
    guarded.assert_gone_and_unharmed();
}

#[test]
fn with_a_tmpfs() {
    overlap("tmpfs");
}

#[test]
fn with_a_plain_directory() {
    overlap("directory");
}
