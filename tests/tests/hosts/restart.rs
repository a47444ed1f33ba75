//! A broker that stops, dies, or is not there: logins go on, and sessions stay.

use std::time::{Duration, Instant};

use ck_tests::{ALICES, Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);

fn held(machine: &Machine) -> ck_tests::Running {
    let held = machine.host.spawn(&[
        "ssh",
        "alice@127.0.0.1",
        "echo $XDG_SESSION_ID >$XDG_RUNTIME_DIR/mine; sleep 60",
    ]);
    wait_until(SOON, "the login", || {
        machine.host.metadata("/run/user/2001/mine").is_some_and(|file| file.len() > 0)
    });
    held
}

/// Ends the broker by `signal`.
fn end_broker(machine: &mut Machine, signal: Signal) {
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(signal);
    assert!(broker.wait(SOON).is_some(), "the broker ends");
}

#[test]
fn sessions_outlive_a_broker_that_was_killed_or_stopped() {
    for signal in [Signal::KILL, Signal::TERM] {
        let mut machine = Machine::up();
        let login = held(&machine);
        let before = machine.session();
        end_broker(&mut machine, signal);
        assert!(machine.host.metadata("/run/user/2001/mine").is_some(), "a stop is no logout");
        machine.start_broker(&[]);
        assert_eq!(machine.session(), before);
        assert_eq!(machine.host.read_file("/run/user/2001/mine"), "1\n");
        // A second login shares what was there before the restart, and has an id of its own.
        let told =
            machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_SESSION_ID; ls $XDG_RUNTIME_DIR"]);
        let (id, listed) = told.split_once('\n').expect("two lines");
        assert!(id.parse::<u64>().expect("an id") > 1 && listed == "mine", "{told}");
        drop(login);
        machine.await_nothing_left();
    }
}

#[test]
fn who_left_while_no_broker_ran_is_cleaned_up_after() {
    let mut machine = Machine::up();
    let login = held(&machine);
    let leader = machine.session()["leader_pid"].to_string();
    end_broker(&mut machine, Signal::KILL);
    drop(login);
    wait_until(SOON, "the login is over", || !machine.host.run(&["ps", "-p", &leader]).status.success());
    assert!(machine.has_alices());
    machine.start_broker(&[]);
    machine.await_nothing_left();
}

#[test]
fn a_directory_that_nobody_was_told_of_before_the_broker_died_is_cleaned_up() {
    let mut machine = Machine::up();
    end_broker(&mut machine, Signal::KILL);
    machine.host.run_ok(&["install", "-m", "600", "/dev/null", "/run/ck-broker/state/users/2001"]);
    machine.host.run_ok(&["install", "-d", "-m", "700", "-o", "alice", ALICES, "/run/user/2001/deep"]);
    machine.start_broker(&[]);
    machine.await_nothing_left();
}

#[test]
fn an_orderly_restart_skips_no_id() {
    let mut machine = Machine::up();
    let id = || ["ssh", "alice@127.0.0.1", "echo $XDG_SESSION_ID"];
    assert_eq!(machine.host.run_ok(&id()), "1");
    machine.await_nothing_left();
    end_broker(&mut machine, Signal::TERM);
    machine.start_broker(&[]);
    assert_eq!(machine.host.run_ok(&id()), "2");
}

#[test]
fn a_record_that_cannot_be_read_costs_no_other() {
    let mut machine = Machine::up();
    let _login = held(&machine);
    let bob = machine.host.spawn(&["ssh", "bob@127.0.0.1", "sleep 60"]);
    machine.await_sessions(2);
    end_broker(&mut machine, Signal::KILL);
    machine.host.write_file("/run/ck-broker/state/sessions/1", b"\x01\x01", 0o600);
    machine.start_broker(&[]);
    assert_eq!(machine.session()["user"], "bob");
    let log = machine.broker().stderr();
    assert!(log.contains("/run/ck-broker/state/sessions/1: malformed frame"), "{log}");
    assert!(machine.host.metadata("/run/user/2001/mine").is_some(), "taken from under a live session");
    drop(bob);
    machine.await_sessions(0);
}

/// Nor the broker after that one, which knows neither of the session nor of a claim.
#[test]
fn a_directory_is_not_taken_from_a_session_whose_record_cannot_be_read() {
    for kind in ["tmpfs", "directory"] {
        let mut machine = Machine::installed();
        machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        machine.host.write_file("/etc/ck/broker.toml", format!("[runtime_dir]\nkind = \"{kind}\"\n"), 0o644);
        machine.start_broker(&[]);
        let _login = held(&machine);
        end_broker(&mut machine, Signal::KILL);
        machine.host.write_file("/run/ck-broker/state/sessions/1", b"\x01\x01", 0o600);
        for _ in 0..3 {
            machine.start_broker(&[]);
            assert_eq!(machine.host.run_ok(&["ckctl", "teardown", "list"]), "No teardowns.", "{kind}");
            assert!(machine.host.metadata("/run/user/2001/mine").is_some(), "{kind}: taken away");
            end_broker(&mut machine, Signal::KILL);
        }
    }
}

#[test]
fn no_id_is_given_twice_when_it_is_not_known_which_were() {
    let mut machine = Machine::up();
    let id = ["ssh", "alice@127.0.0.1", "echo $XDG_SESSION_ID"];
    assert_eq!(machine.host.run_ok(&id), "1");
    machine.await_nothing_left();
    end_broker(&mut machine, Signal::KILL);
    machine.host.write_file("/run/ck-broker/state/next-id", b"6\x00", 0o600);
    machine.start_broker(&[]);
    assert!(machine.broker().stderr().contains("next-id cannot be read"));
    let next: u64 = machine.host.run_ok(&id).parse().expect("an id");
    assert!(next >= 1 << 32, "{next}");
}

#[test]
fn without_a_broker_logins_go_on() {
    let machine = Machine::installed();
    let started = Instant::now();
    let told = machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo in [$XDG_SESSION_ID$XDG_RUNTIME_DIR]"]);
    assert_eq!(told, "in []");
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!machine.has_alices());
    wait_until(SOON, "one line in the log", || machine.host.syslog().contains("pam_ck(sshd:session)"));
    let log = machine.host.syslog();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("pam_ck(")).collect();
    assert!(lines.len() == 1 && lines[0].contains("/run/ck-broker/session.sock"), "{lines:?}");
}

#[test]
fn a_broker_that_stands_still_delays_a_login_by_its_deadline_only() {
    let machine = Machine::up();
    machine.broker().signal(Signal::STOP);
    let started = Instant::now();
    let login = machine.host.spawn(&[
        "ssh",
        "alice@127.0.0.1",
        "echo in [$XDG_SESSION_ID$XDG_RUNTIME_DIR]; sleep 60",
    ]);
    wait_until(SOON, "the login", || login.stdout() == "in []\n");
    let taken = started.elapsed();
    assert!(taken >= Duration::from_millis(1400), "it did not wait for the broker: {taken:?}");
    assert!(taken < Duration::from_secs(6), "{taken:?}");
    // What it was asked meanwhile it must not open: nobody waits for the answer any more.
    machine.broker().signal(Signal::CONT);
    assert_eq!(machine.host.run_ok(&["ssh", "alice@127.0.0.1", "echo $XDG_RUNTIME_DIR"]), ALICES);
    machine.await_nothing_left();
    assert!(!login.is_over());
}

#[test]
fn with_strict_nobody_logs_in_without_a_session() {
    let mut machine = Machine::installed();
    let line = "session required pam_ck.so strict";
    machine.host.run_ok(&["sed", "-i", &format!("s/.*pam_ck.so.*/{line}/"), "/etc/pam.d/common-session"]);
    let su = ["su", "-l", "alice", "-c", "echo in"];
    // sshd lets the connection stand, but its child ends by itself, with 254 (do_child of session.c).
    let ssh = ["ssh", "-T", "alice@127.0.0.1", "echo in"];
    for login in [&su[..], &ssh] {
        let refused = machine.host.run(login);
        let is_in = refused.stdout.lines().any(|line| line == "in");
        assert!(!refused.status.success() && !is_in, "{refused:?}");
    }
    let sftp = machine.host.run(&["sftp", "-b", "/dev/null", "alice@127.0.0.1"]);
    assert!(!sftp.status.success(), "{sftp:?}");
    machine.start_broker(&[]);
    for login in [&su[..], &ssh] {
        assert_eq!(machine.host.run_ok(login), "in");
    }
    machine.await_nothing_left();
}

/// Each start leaves the sockets of the broker before there: nobody removes a name of a user's within the loop.
#[test]
fn what_a_start_leaves_in_the_state_is_swept() {
    let mut machine = Machine::up();
    let private = "/run/ck-broker/state";
    for _ in 0..3 {
        end_broker(&mut machine, Signal::KILL);
        machine.start_broker(&[]);
        wait_until(SOON, "it is swept", || to_be_swept(&machine, private).is_empty());
    }
}

/// What is still to be swept in the directory.
fn to_be_swept(machine: &Machine, directory: &str) -> Vec<String> {
    let names = machine.host.run_ok(&["ls", "-A", directory]);
    names.lines().filter(|name| name.starts_with("empty-")).map(str::to_owned).collect()
}
