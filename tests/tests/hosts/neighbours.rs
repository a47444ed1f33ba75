//! Modules before and behind pam_ck.so in a PAM stack, and hosts that close in their own way.

use std::time::Duration;

use ck_tests::{ALICES, Machine, wait_until};

const SOON: Duration = Duration::from_secs(10);

/// A machine with pam-application, whose service `ck-test` has these lines.
fn machine(toml: &str, stack: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.install_application("ck-test", stack);
    // What a module finds of the directory.
    let script = format!(
        "#!/bin/sh\n[ -d {ALICES} ] && found=yes || found=no\necho $1 $PAM_TYPE $found >>/tmp/told\n"
    );
    machine.host.write_file("/usr/local/bin/look", script, 0o755);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.start_broker(&[]);
    machine
}

fn session(machine: &Machine, words: &[&str]) {
    machine.host.run_ok(&[&["pam-application", "ck-test", "alice"], words].concat());
}

/// PAM calls the modules of a stack in the same order at the end as at the beginning (pam.d(5)).
#[test]
fn who_needs_the_directory_at_the_close_stands_before_or_has_it_kept() {
    let stack = "session optional pam_exec.so /usr/local/bin/look before\n\
                 session optional pam_ck.so\n\
                 session optional pam_exec.so /usr/local/bin/look behind\n";
    for (toml, kept) in [("", "no"), ("[runtime_dir]\nstop_delay = \"5s\"\n", "yes")] {
        let machine = machine(toml, stack);
        session(&machine, &["open", "close"]);
        let told = machine.host.read_file("/tmp/told");
        let expected = format!(
            "before open_session no\nbehind open_session yes\nbefore close_session yes\nbehind close_session {kept}\n"
        );
        assert_eq!(told, expected);
        machine.await_nothing_left();
    }
    // The recipe of docs/MOVING.md: one line of it for each end.
    let stack = "session optional pam_exec.so type=close_session /usr/local/bin/look before\n\
                 session optional pam_ck.so\n\
                 session optional pam_exec.so type=open_session /usr/local/bin/look behind\n";
    let machine = machine("", stack);
    session(&machine, &["open", "close"]);
    assert_eq!(machine.host.read_file("/tmp/told"), "behind open_session yes\nbefore close_session yes\n");
}

/// Only root can ask the broker, and it sees the end of the process by itself.
#[test]
fn who_closes_when_it_is_no_longer_root_is_told_no_error() {
    let lines = |machine: &Machine| {
        machine
            .host
            .syslog()
            .lines()
            .filter(|line| line.contains("pam_ck("))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for options in ["", "strict"] {
        let machine = machine("", &format!("session required pam_ck.so {options}\n"));
        session(&machine, &["open", "become", "2001", "close"]);
        machine.await_nothing_left();
        assert_eq!(lines(&machine), Vec::<String>::new());
    }
    let machine = machine("", "session required pam_ck.so debug\n");
    session(&machine, &["open", "become", "2001", "close"]);
    wait_until(SOON, "two lines", || lines(&machine).len() == 2);
    assert!(lines(&machine)[1].contains("no longer root: the session ends with it"), "{:?}", lines(&machine));
}
