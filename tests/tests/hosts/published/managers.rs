//! Where another program publishes sessions, nothing of its is touched.

use ck_tests::{Kind, Machine, Options, Suite, wait_until};
use rustix::process::Signal;

use super::{SOON, files, machine};
use crate::package::site::Site;

/// All files below /run/systemd that libsystemd reads, with their sums.
const SUMS: &str =
    "cd /run/systemd && find sessions users seats -type f | sort | xargs -r tail -n +1; ls -d seats";

#[test]
fn logind_is_left_alone() {
    let site = Site::with_logind();
    let host = &site.host;
    let login = host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1000"]);
    let is_open = "grep -q ^STATE=active /run/systemd/users/2001 && grep -q ^STATE=active /run/systemd/sessions/[0-9c]*";
    wait_until(SOON, "logind has a session", || host.run(&["sh", "-c", is_open]).status.success());
    let before = host.run_ok(&["sh", "-c", SUMS]);
    site.install();
    host.run_ok(&["systemctl", "restart", "ck-broker.service"]);
    host.run_ok(&["systemctl", "reload", "ck-broker.service"]);
    assert!(host.run_ok(&["ckctl", "status"]).contains("all is well"));
    assert_eq!(host.run_ok(&["sh", "-c", SUMS]), before);
    wait_until(SOON, "nothing is left that writes", || {
        host.run(&["pgrep", "-x", "ck-publish"]).stdout.is_empty()
    });
    drop(login);
}

#[test]
fn another_manager_that_starts_later_takes_over_with_a_reload() {
    let machine = machine();
    let host = &machine.host;
    let _login = host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its file", || files(&machine, "sessions") == ["1"]);
    host.run_ok(&["sh", "-c", "echo LEADER=1 >/run/systemd/sessions/c1"]);
    host.write_file("/etc/ck/broker.toml", "[runtime_dir]\nkind = \"none\"\n", 0o644);
    let logind = host.spawn(&["perl", "-e", "$0 = 'systemd-logind'; sleep 1000"]);
    wait_until(SOON, "it is called so", || host.run(&["pgrep", "-x", "systemd-logind"]).status.success());
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "ours go", || files(&machine, "sessions") == ["c1"]);
    wait_until(SOON, "the process ends", || host.run(&["pgrep", "-x", "ck-publish"]).stdout.is_empty());
    drop(logind);
    host.run_ok(&["rm", "/run/systemd/sessions/c1"]);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "ours come again", || {
        files(&machine, "sessions") == ["1"] && files(&machine, "users") == ["2001"]
    });
}

#[test]
fn live_sessions_of_another_program_are_enough() {
    let mut machine = Machine::installed_on(Options::default().suite(Suite::Trixie).kind(Kind::Plain));
    machine.host.run_ok(&[
        "sh",
        "-c",
        "mkdir -p /run/systemd/sessions && echo LEADER=1 >/run/systemd/sessions/c1",
    ]);
    machine.start_broker(&[]);
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    assert_eq!(files(&machine, "sessions"), ["c1"]);
    assert!(machine.broker().stderr().contains("another manager has some in /run/systemd"));
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
    machine.await_nothing_left();
    // It is looked for again after a change, which the login was.
    let login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    machine.await_sessions(1);
    machine.host.run_ok(&["rm", "/run/systemd/sessions/c1"]);
    wait_until(5 * SOON, "ours come by themselves", || files(&machine, "sessions") == ["2"]);
    drop(login);
    machine.await_nothing_left();

    // MOVING.md: once they are over, a restart is enough.
    machine.host.run_ok(&["sh", "-c", "echo LEADER=4194305 >/run/systemd/sessions/c1"]);
    machine.broker().signal(Signal::TERM);
    machine.broker = None;
    machine.start_broker(&[]);
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its file", || files(&machine, "users") == ["2001"]);
    assert_eq!(files(&machine, "sessions").len(), 2);
}

#[test]
fn off_is_off() {
    let machine = machine();
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its file", || files(&machine, "sessions") == ["1"]);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[compat]\nsd_login = \"off\"\n", 0o644);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "they go", || {
        files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty()
    });
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
}

#[test]
fn off_from_the_start_makes_nothing() {
    let mut machine = Machine::installed_on(Options::default().suite(Suite::Trixie).kind(Kind::Plain));
    machine.host.run_ok(&["sh", "-c", "mkdir -p /etc/ck; rm -rf /run/systemd"]);
    machine.host.write_file("/etc/ck/broker.toml", "[compat]\nsd_login = \"off\"\n", 0o644);
    machine.start_broker(&[]);
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    machine.await_nothing_left();
    wait_until(SOON, "nothing is left that writes", || {
        machine.host.run(&["pgrep", "-x", "ck-publish"]).stdout.is_empty()
    });
    assert!(machine.host.metadata("/run/systemd").is_none());
}

/// Another manager that was started since counts from 1 too.
#[test]
fn a_file_that_somebody_has_put_in_the_place_of_ours_stays() {
    let machine = machine();
    let host = &machine.host;
    let login = host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its files", || {
        files(&machine, "sessions") == ["1"] && files(&machine, "users") == ["2001"]
    });
    let theirs = "cd /run/systemd && echo UID=0 >.new && mv .new sessions/1 && echo NAME=x >.new && mv .new users/2001";
    host.run_ok(&["sh", "-c", theirs]);
    let _second = host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    let told = "/run/systemd/users/2001 belongs to another program";
    wait_until(SOON, "it is told", || host.run_ok(&["ckctl", "status"]).contains(told));
    drop(login);
    machine.await_sessions(1);
    wait_until(SOON, "ours is there", || files(&machine, "sessions") == ["1", "2"]);
    let left = host.run_ok(&["cat", "/run/systemd/sessions/1", "/run/systemd/users/2001"]);
    assert_eq!(left, "UID=0\nNAME=x");
}

/// Everybody can read the files.
#[test]
fn where_users_see_only_their_own_sessions_nothing_is_published() {
    let machine = machine();
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its file", || files(&machine, "sessions") == ["1"]);
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[admin]\nlist = \"own\"\n", 0o644);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "they go", || {
        files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty()
    });
}
