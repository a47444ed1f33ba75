//! Who may read the files: as many as may see others' sessions.

use std::time::Duration;

use super::{BEFORE, FILE, SOON, await_events, history, states, visit};
use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

const CONFIGURATION: &str = "/etc/ck/broker.toml";
const OWN: &str = "[admin]\nlist = \"own\"\n";
const CAROL: [&str; 6] = ["setpriv", "--reuid=2003", "--regid=990", "--clear-groups", "ckctl", "history"];
const BOB: [&str; 6] = ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl", "history"];
const SAID: &str = "ckctl: cannot read /var/log/ck/history.jsonl: Permission denied (os error 13); \
                    where admin.list = \"own\", the history is for root and administrators: ask them\n";

fn machine(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["groupadd", "--gid", "990", "ck-admin"]);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file(CONFIGURATION, toml, 0o644);
    machine.start_broker(&[]);
    machine
}

fn reload(machine: &Machine, toml: &str) {
    machine.host.write_file(CONFIGURATION, toml, 0o644);
    machine.broker().signal(Signal::HUP);
}

/// Mode, owner and group of a file.
fn shown(machine: &Machine, file: &str) -> String {
    machine.host.run_ok(&["stat", "-c", "%a %U %G", file])
}

fn await_shown(machine: &Machine, file: &str, expected: &str) {
    wait_until(SOON, &format!("{file} is {expected}"), || shown(machine, file) == expected);
}

#[test]
fn the_files_that_are_there_are_closed_and_opened_again_at_once() {
    let machine = machine("");
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    machine.host.run_ok(&["cp", "-a", FILE, BEFORE]);
    assert_eq!(shown(&machine, FILE), "644 root root");
    assert!(history(&machine, &[]).contains("alice"));
    // Nobody comes or goes meanwhile.
    reload(&machine, OWN);
    for file in [FILE, BEFORE] {
        await_shown(&machine, file, "640 root ck-admin");
    }
    let bob = machine.host.run(&BOB);
    assert_eq!((bob.status.code(), bob.stderr.as_str(), bob.stdout.as_str()), (Some(1), SAID, ""));
    assert!(machine.host.run_ok(&CAROL).contains("alice"));
    assert!(machine.host.run_ok(&["ckctl", "history"]).contains("alice"));
    reload(&machine, "");
    for file in [FILE, BEFORE] {
        await_shown(&machine, file, "644 root ck-admin");
    }
    visit(&machine);
    await_events(&machine, "session_ended", 2);
    assert!(history(&machine, &[]).contains("alice"));
}

#[test]
fn files_that_come_later_are_closed_too() {
    let machine = machine(OWN);
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    assert_eq!(shown(&machine, FILE), "640 root ck-admin");
    // As logrotate(8) does, with its `create 644 root root`.
    machine.host.run_ok(&[
        "sh",
        "-c",
        &format!("chmod 644 {FILE}; mv {FILE} {BEFORE}; install -m 644 /dev/null {FILE}"),
    ]);
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    for file in [FILE, BEFORE] {
        assert_eq!(shown(&machine, file), "640 root ck-admin");
    }
    // And where there is none, it is never open.
    machine.host.run_ok(&["rm", FILE, BEFORE]);
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    assert_eq!(shown(&machine, FILE), "640 root ck-admin");
}

#[test]
fn an_administrator_who_wants_less_to_be_read_is_not_undone() {
    let mut machine = machine("");
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    for (mode, group) in [("600", "root"), ("640", "adm"), ("660", "root")] {
        machine.host.run_ok(&["chmod", mode, FILE]);
        machine.host.run_ok(&["chgrp", group, FILE]);
        drop(machine.broker.take());
        machine.start_broker(&[]);
        visit(&machine);
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(shown(&machine, FILE), format!("{mode} root {group}"));
    }
    assert_eq!(machine.host.run(&BOB).status.code(), Some(1));
    machine.host.run_ok(&["chmod", "644", FILE]);
    assert_eq!(states(&machine)[0], "ended");
}
