//! The process that writes may hang, or die: the broker does neither.

use super::{FILE, await_events, events, states, visit, writer};
use ck_tests::{Guarded, Machine, wait_until};

/// As one does that waits for a disk. Then there is more to be written than can wait.
#[test]
fn a_disk_that_hangs_costs_lines_and_no_login() {
    let guarded = Guarded::up("");
    let machine = &guarded.machine;
    let program = std::fs::read(env!("CARGO_BIN_EXE_churn")).expect("a program of ours");
    machine.host.write_file("/usr/local/bin/churn", program, 0o755);
    let pid = writer(machine);
    machine.host.run_ok(&["kill", "-STOP", &pid]);
    let lost = || machine.broker().stderr().contains("lines are lost");
    let mut rounds = 0;
    while !lost() {
        rounds += 1;
        assert!(rounds <= 16, "5,000 lines, and none is lost");
        machine.host.run_ok(&["churn", "320", "8"]);
    }
    // Where lines wait, no login does: each of these would take its 1.5 s.
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ck_tests::ALICES);
    let complaints = machine.broker().stderr().lines().filter(|line| line.contains("lines are lost")).count();
    assert_eq!(complaints, 1);
    machine.host.run_ok(&["kill", "-CONT", &pid]);
    wait_until(super::SOON, "all that waited is written", || {
        visit(machine);
        machine.broker().stderr().contains("lines of the history were lost")
    });
    wait_until(super::SOON, "the last line", || {
        events(machine).last().is_some_and(|event| event == "session_ended")
    });
    guarded.assert_gone_and_unharmed();
}

#[test]
fn one_that_was_killed_is_followed_by_another() {
    let machine = Machine::up();
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    std::thread::sleep(std::time::Duration::from_secs(5));
    let pid = writer(&machine);
    machine.host.run_ok(&["kill", "-KILL", &pid]);
    visit(&machine);
    await_events(&machine, "session_ended", 2);
    assert_eq!(states(&machine), ["ended", "ended"]);
    assert_ne!(writer(&machine), pid);
    assert_eq!(events(&machine).iter().filter(|event| *event == "system_started").count(), 1);
}

/// What the broker has said is written, whoever dies after that; and by one process at a time.
#[test]
fn a_killed_broker_loses_nothing_that_it_has_said() {
    let mut machine = Machine::up();
    let pid = writer(&machine);
    machine.host.run_ok(&["kill", "-STOP", &pid]);
    visit(&machine);
    super::end_broker(&mut machine, rustix::process::Signal::KILL);
    machine.start_broker(&[]);
    visit(&machine);
    wait_until(super::SOON, "the next one waits", || {
        machine.broker().stderr().contains("another process has locked it")
    });
    assert_eq!(events(&machine), ["system_started", "broker_started"]);
    machine.host.run_ok(&["kill", "-CONT", &pid]);
    await_events(&machine, "session_ended", 2);
    let login = ["session_opened", "session_ended"];
    let all = [&["system_started", "broker_started"][..], &login, &["broker_started"], &login].concat();
    assert_eq!(events(&machine), all);
}

#[test]
fn where_none_is_wanted_nothing_is_written() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[history]\nfile = \"none\"\n", 0o644);
    machine.start_broker(&[]);
    visit(&machine);
    machine.await_nothing_left();
    assert!(machine.host.metadata(FILE).is_none() && writer(&machine).is_empty());
}

#[test]
fn it_has_one_capability_and_nothing_of_the_broker() {
    let machine = Machine::up();
    visit(&machine);
    await_events(&machine, "session_ended", 1);
    let pid = writer(&machine);
    let status = machine.host.read_file(&format!("/proc/{pid}/status"));
    let set = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (none, chown) = (Some("0000000000000000"), Some("0000000000000001"));
    assert_eq!([set("CapPrm:"), set("CapEff:"), set("CapBnd:"), set("CapAmb:")], [chown, chown, none, none]);
    let descriptors = machine.host.run_ok(&["ls", "-l", &format!("/proc/{pid}/fd")]);
    for of_the_broker in ["socket:", "anon_inode:", "pidfd", "/run/"] {
        assert!(!descriptors.contains(of_the_broker), "{descriptors}");
    }
    assert_eq!(descriptors.matches(FILE).count(), 1, "{descriptors}");
    assert_eq!(machine.host.run_ok(&["readlink", &format!("/proc/{pid}/cwd")]), "/");
}
