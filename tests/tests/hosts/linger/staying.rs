//! The directory stays, whoever comes and goes, and goes with the lingering.

use super::{KINDS, RECORD, SOON, end_broker, installed, lingerers, up, users};
use ck_tests::{ALICES, Machine, wait_until};
use rustix::process::Signal;

/// What rootless podman keeps there: a process of alice's, without a session, with its socket in the directory.
fn start_service(machine: &Machine) -> ck_tests::Running {
    let script = "use IO::Socket::UNIX; $s = IO::Socket::UNIX->new(Local => '/run/user/2001/bus', Listen => 9) \
                  or die $!; while ($c = $s->accept) { print $c \"here\\n\"; close $c }";
    let service = machine.host.spawn(&[
        "setpriv",
        "--reuid=2001",
        "--regid=2001",
        "--clear-groups",
        "perl",
        "-e",
        script,
    ]);
    wait_until(SOON, "the service listens", || machine.host.metadata("/run/user/2001/bus").is_some());
    service
}

fn assert_served(machine: &Machine) {
    let ask = "use IO::Socket::UNIX; print IO::Socket::UNIX->new(Peer => '/run/user/2001/bus')->getline";
    assert_eq!(machine.host.run_ok(&["perl", "-e", ask]), "here");
}

fn assert_private(machine: &Machine) {
    assert_eq!(machine.host.run_ok(&["stat", "-c", "%a %u %g %F", ALICES]), "700 2001 2001 directory");
}

#[test]
fn it_stays_over_logouts_restarts_and_crashes_until_lingering_is_off() {
    for kind in KINDS {
        let mut machine = up(kind);
        machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
        assert_private(&machine);
        let _service = start_service(&machine);
        assert_eq!(
            machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR; touch $XDG_RUNTIME_DIR/x"]),
            ALICES
        );
        machine.await_sessions(0);
        assert_served(&machine);
        for signal in [Signal::KILL, Signal::TERM] {
            end_broker(&mut machine, signal);
            machine.start_broker(&[]);
            assert_served(&machine);
            let login = machine.host.spawn(&["su", "alice", "-c", "exec sleep 60"]);
            machine.await_sessions(1);
            end_broker(&mut machine, signal);
            machine.start_broker(&[]);
            drop(login);
            machine.await_sessions(0);
            assert_served(&machine);
        }
        // Its user may do with it what it likes.
        machine.host.run_ok(&["chmod", "755", ALICES]);
        end_broker(&mut machine, Signal::KILL);
        machine.start_broker(&[]);
        assert_served(&machine);
        assert_eq!(
            (users(&machine), lingerers(&machine)[0]["runtime_dir"].as_str()),
            (1.into(), Some(ALICES))
        );
        machine.host.run_ok(&["ckctl", "linger", "off", "alice"]);
        machine.await_nothing_left();
        assert_eq!(users(&machine), 0);
        assert!(machine.host.metadata(RECORD).is_none());
    }
}

#[test]
fn it_is_there_from_the_systems_start_on() {
    for kind in KINDS {
        let mut machine = up(kind);
        machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
        end_broker(&mut machine, Signal::TERM);
        // As after a reboot: what is on tmpfs is gone.
        machine.host.run_ok(&[
            "sh",
            "-c",
            "umount -R /run/user /run/ck-broker; rm -r /run/user /run/ck-broker",
        ]);
        machine.start_broker(&[]);
        assert_private(&machine);
        assert_eq!(lingerers(&machine)[0]["state"], "lingering");
        let log = machine.broker().stderr();
        assert!(log.contains("user alice (2001) is here"), "{log}");
        machine.host.run_ok(&["ckctl", "linger", "off", "2001"]);
        machine.await_nothing_left();
    }
}

#[test]
fn with_a_session_it_stays_until_the_last_logout() {
    for kind in KINDS {
        let machine = up(kind);
        let login = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/x; exec sleep 60"]);
        wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/x").is_some());
        machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
        assert_eq!(lingerers(&machine)[0]["state"], "active");
        assert!(machine.host.metadata("/run/user/2001/x").is_some());
        machine.host.run_ok(&["ckctl", "linger", "off", "alice"]);
        assert!(machine.host.metadata("/run/user/2001/x").is_some());
        drop(login);
        machine.await_nothing_left();
    }
}

/// Killed after what was asked is written down, and before anything is done about it; by a broker of an earlier release.
#[test]
fn what_a_crash_left_half_done_is_done_by_the_next_broker() {
    for kind in KINDS {
        let mut machine = installed(kind);
        machine.host.run_ok(&["install", "-d", "-m", "755", "/var/lib/ck", "/var/lib/ck/linger"]);
        machine.host.write_file(RECORD, "2001 2001 alice\n", 0o600);
        machine.host.run_ok(&["install", "-d", "-m", "755", "/run/ck-broker", "/run/user"]);
        machine.host.run_ok(&[
            "install",
            "-d",
            "-m",
            "700",
            "/run/ck-broker/sessions",
            "/run/ck-broker/users",
            ALICES,
        ]);
        machine.host.write_file("/run/ck-broker/users/2001", "", 0o600);
        machine.start_broker(&[]);
        assert_private(&machine);
        end_broker(&mut machine, Signal::KILL);
        machine.host.run_ok(&["rm", RECORD]);
        machine.start_broker(&[]);
        machine.await_nothing_left();
    }
}

/// What is not ours when lingering begins is not when it ends.
#[test]
fn a_directory_of_somebody_elses_is_used_and_left() {
    let machine = up("auto");
    machine.host.run_ok(&["install", "-d", "-m", "700", "-o", "alice", "-g", "alice", ALICES]);
    machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
    assert_eq!(lingerers(&machine)[0]["runtime_dir"], ALICES);
    machine.host.run_ok(&["ckctl", "linger", "off", "alice"]);
    assert!(machine.has_alices());
}
