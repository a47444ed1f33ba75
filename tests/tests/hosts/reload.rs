//! SIGHUP: the configuration is read again, and what a broken file says changes nothing.

use std::time::Duration;

use ck_tests::{Machine, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const FILE: &str = "/etc/ck/broker.toml";
const SOON: Duration = Duration::from_secs(10);

/// A machine whose broker is configured by `toml`.
fn machine(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d", "/srv/hooks"]);
    machine.host.write_file(FILE, toml, 0o644);
    machine.start_broker(&[]);
    machine
}

fn status(machine: &Machine) -> Value {
    serde_json::from_str(&machine.host.run_ok(&["ckctl", "status", "--json"])).expect("JSON")
}

/// Has the broker read its file again, and waits until it has.
fn hang_up(machine: &Machine) {
    let outcome = |machine: &Machine| {
        let complaints = machine.broker().stderr().matches("the configuration stays as it was").count();
        (status(machine)["configured_at"].clone(), complaints)
    };
    let before = outcome(machine);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "it has read its file", || outcome(machine) != before);
}

/// The same with another file.
fn reload(machine: &Machine, toml: &str) {
    machine.host.write_file(FILE, toml, 0o644);
    hang_up(machine);
}

/// What alice's directory is mounted as, in a session of hers; nothing where it is no mount.
fn mount(machine: &Machine) -> String {
    machine.host.run_ok(&["su", "alice", "-c", "grep \" $XDG_RUNTIME_DIR \" /proc/mounts || true"])
}

#[test]
fn everything_but_seats_counts_at_once_and_sessions_stay() {
    let mut machine = machine("");
    let pid = machine.broker().pid();
    let held = machine.host.spawn(&["su", "bob", "-c", "touch $XDG_RUNTIME_DIR/mine; sleep 300"]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2002/mine").is_some());
    let before = machine.session();
    assert!(mount(&machine).contains("tmpfs") && !mount(&machine).contains("noexec"));

    let hook = "#!/bin/sh\necho \"$1 $CK_SESSION_CLASS\" >>/tmp/told\n";
    machine.host.write_file("/srv/hooks/tell.ck", hook, 0o755);
    machine.host.run_ok(&["groupadd", "--gid", "990", "--users", "bob", "ck-admin"]);
    reload(
        &machine,
        "[runtime_dir]\nsize = \"8m\"\ninodes = 100\nnoexec = true\nstop_delay = \"300ms\"\n\
         [history]\nfile = \"/srv/history.jsonl\"\n[log]\nlevel = \"debug\"\n\
         [hooks]\nsession_dirs = [\"/srv/hooks\"]\nwait_added = true\nparallel = 2\n\
         [admin]\nlist = \"own\"\n[services.su]\nclass = \"background\"\n",
    );
    let mounted = mount(&machine);
    assert!(["size=8192k", "nr_inodes=100", "noexec"].iter().all(|word| mounted.contains(word)), "{mounted}");
    assert!(machine.has_alices(), "the delay after the last logout is not over");
    wait_until(SOON, "it is", || !machine.has_alices());
    // A login waits for the hook now, so it has run by then.
    assert!(machine.host.read_file("/tmp/told").starts_with("session_added background\n"));
    wait_until(SOON, "the other history", || {
        machine.host.metadata("/srv/history.jsonl").is_some_and(|file| file.len() > 0)
    });
    assert!(machine.host.read_file("/srv/history.jsonl").contains("session_opened"));
    let seen = |by: &str| machine.host.run_ok(&["runuser", "-u", by, "--", "ckctl", "list", "--json"]);
    assert_eq!(seen("alice"), "[]");
    assert!(seen("bob").contains("\"bob\""));
    let terminated = machine.host.run(&[
        "setpriv",
        "--reuid=bob",
        "--regid=bob",
        "--init-groups",
        "ckctl",
        "teardown",
        "retry",
    ]);
    assert!(terminated.status.success(), "bob is an administrator now: {terminated:?}");

    assert_eq!(machine.session(), before, "a session was changed");
    assert!(machine.host.metadata("/run/user/2002/mine").is_some());
    reload(&machine, "[runtime_dir]\nkind = \"directory\"\n[log]\nlevel = \"error\"\n");
    assert!(!machine.has_alices(), "there is no delay any more");
    assert_eq!((machine.broker().pid(), status(&machine)["problems"].to_string()), (pid, "[]".to_owned()));
    drop(held);
    machine.await_nothing_left();
    machine.broker = None;
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_until_it_is_mended() {
    let machine = machine("[runtime_dir]\nnoexec = true\n");
    let configured = status(&machine)["configured_at"].clone();
    for (make, why) in [
        ("printf '[runtime_dir]\\nkind = \"directory\"\\nnoexecc = true\\n' >broker.toml", "broker.toml:3: "),
        ("echo >broker.toml; chmod 666 broker.toml", "nobody else may write it"),
        ("chmod 644 broker.toml; chown alice broker.toml", "must belong to root"),
        ("chown root broker.toml; chgrp alice broker.toml; chmod 664 broker.toml", "chmod go-w"),
        ("rm broker.toml; mkfifo broker.toml", "not a regular file"),
        ("rm broker.toml; mkdir broker.toml", "not a regular file"),
        ("rmdir broker.toml; truncate --size=2M broker.toml", "more than 1048576 bytes"),
        ("printf '\\377' >broker.toml", "UTF-8"),
    ] {
        machine.host.run_ok(&["sh", "-c", &format!("cd /etc/ck && {make}")]);
        hang_up(&machine);
        let said = machine.broker().stderr();
        let last = said.lines().last().expect("a line");
        assert!(last.contains("error: the configuration stays as it was: ") && last.contains(why), "{last}");
        let status = status(&machine);
        assert_eq!(status["configured_at"], configured);
        assert!(status["configuration_problem"].as_str().expect("a problem").contains(why), "{status}");
        assert!(!machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
        assert!(mount(&machine).contains("noexec"), "{make}");
        let metrics = machine.host.run_ok(&["ckctl", "status", "--metrics"]);
        assert!(metrics.contains("\nck_config_last_reload_successful 0\n"), "{metrics}");
    }
    // Without a file, all has its default.
    machine.host.run_ok(&["rm", FILE]);
    hang_up(&machine);
    assert!(!mount(&machine).contains("noexec"));
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
    assert_ne!(status(&machine)["configured_at"], configured);
}

#[test]
fn seats_wait_for_the_next_start_and_that_is_told() {
    let mut machine = machine("");
    reload(&machine, "[seats.seat1]\nttys = [\"ttyS1\"]\n");
    let problem = status(&machine)["configuration_problem"].to_string();
    assert!(problem.contains("[seats]") && problem.contains("next start"), "{problem}");
    assert!(!machine.host.run_ok(&["ckctl", "seats", "--json"]).contains("seat1"));
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(Signal::TERM);
    assert!(broker.wait(SOON).is_some());
    machine.start_broker(&[]);
    assert!(machine.host.run_ok(&["ckctl", "seats", "--json"]).contains("seat1"));
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
}

/// Without a file that says otherwise, directories are made or not as it is at that moment.
#[test]
fn beside_logind_sessions_have_no_directories_and_afterwards_they_do() {
    let mut machine = machine("");
    // Bob lingers since before logind came.
    machine.host.run_ok(&["ckctl", "linger", "on", "bob"]);
    machine.host.run_ok(&["cp", "-a", "/var/lib/ck/linger/2002", "/tmp"]);
    machine.host.run_ok(&["ckctl", "linger", "off", "bob"]);
    machine.await_nothing_left();
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(Signal::TERM);
    assert!(broker.wait(SOON).is_some());
    machine.host.run_ok(&["cp", "-a", "/tmp/2002", "/var/lib/ck/linger"]);

    machine.host.run_ok(&["cp", "/bin/sleep", "/tmp/systemd-logind"]);
    let logind = machine.host.spawn(&["/tmp/systemd-logind", "300"]);
    wait_until(SOON, "it runs", || machine.host.run(&["pgrep", "-x", "systemd-logind"]).status.success());
    machine.start_broker(&["--beside-logind"]);
    let told = machine.broker().stderr();
    assert!(
        told.contains("systemd-logind manages /run/user: sessions have no directories of ours"),
        "{told}"
    );
    let look = ["su", "alice", "-c", "echo $XDG_SESSION_ID:$XDG_RUNTIME_DIR:"];
    assert!(machine.host.run_ok(&look).ends_with("::"), "logind has made none");
    let linger = machine.host.run(&["ckctl", "linger", "on", "alice"]);
    assert!(
        linger.status.code() == Some(1) && linger.stderr.contains("loginctl enable-linger"),
        "{linger:?}"
    );
    assert!(machine.host.metadata("/run/user/2002").is_none());
    drop(logind);
    wait_until(SOON, "it is gone", || !machine.host.run(&["pgrep", "-x", "systemd-logind"]).status.success());
    hang_up(&machine);
    assert!(machine.host.run_ok(&look).ends_with(&format!(":{}:", ck_tests::ALICES)));
    assert!(machine.host.metadata("/run/user/2002").is_some(), "who lingers has one as well");
    machine.host.run_ok(&["ckctl", "linger", "off", "bob"]);
    machine.await_nothing_left();
}
