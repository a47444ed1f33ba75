//! What the broker's children start with, whatever the broker was started with; and that each is waited for.

use std::time::Duration;

use ck_tests::children::Child;
use ck_tests::{Machine, wait_until};

const SOON: Duration = Duration::from_secs(10);
const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";
/// SIGPIPE, which every Rust program ignores once it runs.
const PIPE: u64 = 1 << 12;
/// A shell such as nobody should start a daemon from.
const SHELL: &str = "trap '' HUP INT QUIT TERM USR1 CHLD; ulimit -Sn 512; cd /tmp; exec 7</etc/passwd 8>/tmp/ready; \
                     exec /usr/sbin/ck-broker --ready-fd=8";

fn machine(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.host.write_file("/etc/ck/run-session.d/stays.ck", "#!/bin/sh\nexec sleep 1000\n", 0o755);
    machine.start_broker_by(&["bash", "-c", SHELL], &[]);
    machine
}

/// The child of that name, once there is one.
fn child(machine: &Machine, name: &str) -> Child {
    let mut found = None;
    wait_until(SOON, name, || {
        found = machine.children().into_iter().find(|child| child.name == name);
        found.is_some()
    });
    found.expect("just found")
}

fn clean(name: &str) -> Child {
    Child {
        name: name.to_owned(),
        state: 'S',
        blocked: 0,
        ignored: 0,
        descriptors: "0,1,2".to_owned(),
        limit: 512,
        directory: "/".to_owned(),
    }
}

#[test]
fn hooks_start_clean() {
    let machine = machine("[hooks]\ndeadline = \"30s\"\n");
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    assert_eq!(child(&machine, "sleep"), clean("sleep"));
}

#[test]
fn workers_start_clean() {
    let machine = machine("");
    machine.host.run_ok(&["rm", "/etc/ck/run-session.d/stays.ck"]);
    machine.host.write_file(REMOVER, "#!/bin/sh\nexec sleep 1000\n", 0o755);
    machine.host.run_ok(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/file"]);
    assert_eq!(child(&machine, "sleep"), clean("sleep"));
}

/// It blocks signals itself, so that it outlives the broker by its last line, and opens its file.
#[test]
fn the_writer_of_the_history_starts_clean() {
    let machine = machine("");
    let mut writer = child(&machine, "ck-history");
    assert_ne!(std::mem::take(&mut writer.blocked), 0);
    assert_eq!(writer, Child { ignored: PIPE, descriptors: "0,1,2,3".to_owned(), ..clean("ck-history") });
}

#[test]
fn a_writer_that_is_not_needed_any_more_is_waited_for() {
    let machine = machine("");
    for number in 0..3 {
        let toml = format!("[history]\nfile = \"/var/log/ck/other-{number}\"\n");
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        machine.broker().signal(rustix::process::Signal::HUP);
        wait_until(SOON, "the new place is used", || {
            machine.host.metadata(&format!("/var/log/ck/other-{number}")).is_some()
        });
    }
    wait_until(SOON, "one child is left, and no zombie", || {
        let children = machine.children();
        children.len() == 1 && children[0].state != 'Z'
    });
}
