//! Stopping, restarting and upgrading the broker: none of it is a logout, and nobody who logs in meanwhile is kept.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, Machine, Running, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);
const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";

/// Stops the broker in order.
fn stop(machine: &mut Machine) {
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(Signal::TERM);
    assert!(broker.wait(SOON).expect("the broker ends").success());
}

/// A session of alice's with a file in her directory.
fn held(machine: &Machine) -> Running {
    let held = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/mine; exec sleep 60"]);
    wait_until(SOON, "the login", || machine.host.metadata("/run/user/2001/mine").is_some());
    held
}

#[test]
fn once_it_has_stopped_a_login_sees_at_once_that_there_is_none() {
    let mut machine = Machine::up();
    let login = held(&machine);
    stop(&mut machine);
    for name in ["session.sock", "admin.sock"] {
        // The names stay: a look-up of a missing one can be held up by whoever holds the directory. Nobody listens there.
        assert!(machine.host.metadata(&format!("/run/ck-broker/{name}")).is_some(), "{name} is gone");
    }
    let told = machine.host.run_ok(&["su", "-l", "bob", "-c", "echo in [$XDG_RUNTIME_DIR]"]);
    assert_eq!(told, "in []");
    assert!(machine.host.metadata("/run/user/2001/mine").is_some(), "a stop is no logout");
    machine.start_broker(&[]);
    assert_eq!(machine.session()["user"], "alice");
    drop(login);
    machine.await_nothing_left();
}

/// `ck-broker --stop`, as service scripts use it: it returns when the broker has ended.
#[test]
fn a_broker_is_stopped_by_whoever_asks_and_killed_if_it_does_not_answer() {
    let mut machine = Machine::up();
    let login = held(&machine);
    let session = machine.session();
    for is_stuck in [false, true] {
        let mut broker = machine.broker.take().expect("a broker");
        let pid = broker.pid().to_string();
        assert_eq!(machine.host.run_ok(&["ck-broker", "--pid"]), pid);
        if is_stuck {
            broker.signal(Signal::STOP);
        }
        machine.host.run_ok(&["ck-broker", "--stop"]);
        // A command in the host that is stopped stops the `nsenter` outside, too.
        assert!(is_stuck || broker.wait(SOON).expect("the broker has ended").success());
        let none = machine.host.run(&["ck-broker", "--pid"]);
        assert_eq!((none.status.code(), none.stdout.as_str()), (Some(if is_stuck { 4 } else { 3 }), ""));
        machine.host.run_ok(&["ck-broker", "--stop"]);
        machine.start_broker(&[]);
        assert_eq!(machine.session(), session);
    }
    // Users cannot look, and are told so.
    let theirs = machine.host.run(&["su", "bob", "-c", "/usr/sbin/ck-broker --pid"]);
    assert_eq!(theirs.status.code(), Some(1));
    assert!(theirs.stderr.contains("/run/ck-broker/state/lock"), "{theirs:?}");
    drop(login);
    machine.await_nothing_left();
}

/// The worker is no part of the broker: it goes on, and the next broker's finds what is left, or nothing.
#[test]
fn a_teardown_goes_on_while_the_broker_is_restarted() {
    for kind in ["tmpfs", "directory"] {
        let mut guarded = Guarded::up_kind(kind);
        let machine = &guarded.machine;
        machine.host.run_ok(&["mv", REMOVER, &format!("{REMOVER}.real")]);
        let slow = "#!/bin/sh\necho begun >>/tmp/log\nuntil [ -e /tmp/go ]; do sleep 0.02; done\n\
                    $0.real \"$@\"; s=$?; echo \"done $s\" >>/tmp/log; exit $s\n";
        machine.host.write_file(REMOVER, slow, 0o755);
        guarded.session("mkdir -p a/b; touch a/b/c");
        let machine = &mut guarded.machine;
        wait_until(SOON, "the worker has begun", || machine.host.metadata("/tmp/log").is_some());
        stop(machine);
        machine.start_broker(&[]);
        // She comes back while the old worker, and for a plain directory a new one as well, are at what she left.
        let told =
            machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR; ls -A $XDG_RUNTIME_DIR"]);
        assert_eq!(told, ALICES);
        machine.host.write_file("/tmp/go", "", 0o644);
        machine.await_nothing_left();
        wait_until(SOON, "all workers are done", || {
            let log = machine.host.read_file("/tmp/log");
            log.matches("begun").count() == log.matches("done").count()
        });
        let log = machine.host.read_file("/tmp/log");
        assert_eq!(
            log.matches("done").count(),
            log.matches("done 0").count(),
            "{kind}: {log}{}",
            machine.broker().stderr()
        );
    }
}

/// What a package manager does: new files take the names of the old ones, then the broker is restarted.
#[test]
fn an_upgrade_under_live_sessions_keeps_them() {
    let mut machine = Machine::up();
    let login = held(&machine);
    let before = machine.session();
    for program in ["/usr/sbin/ck-broker", REMOVER] {
        let new = format!("{program}.new");
        machine.host.run_ok(&["cp", "-a", program, &new]);
        machine.host.run_ok(&["mv", "-f", &new, program]);
    }
    // The old broker still serves, and its logouts are cleaned up after by the new remover.
    assert_eq!(machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2002");
    wait_until(SOON, "bob's is gone", || machine.host.metadata("/run/user/2002").is_none());
    stop(&mut machine);
    machine.start_broker(&[]);
    assert_eq!(machine.session(), before);
    assert!(machine.host.metadata("/run/user/2001/mine").is_some());
    drop(login);
    machine.await_nothing_left();
}

/// With real `su`, whose module asks again when the broker hangs up.
#[test]
fn logins_go_on_while_the_broker_is_restarted_again_and_again() {
    let mut machine = Machine::up();
    // Each says what it was told, or complains if that was not so.
    let script = "for i in $(seq 60); do su alice -c '\
                      [ -z \"$XDG_RUNTIME_DIR\" ] && { echo none; exit; }; \
                      cd \"$XDG_RUNTIME_DIR\" && touch $$ && [ $(stat -c %U:%a .) = alice:700 ] && echo session' || echo bad; done";
    let mut logins: Vec<Running> = (0..2).map(|_| machine.host.spawn(&["bash", "-c", script])).collect();
    for signal in [Signal::TERM, Signal::KILL].into_iter().cycle().take(16) {
        std::thread::sleep(Duration::from_millis(60));
        let mut broker = machine.broker.take().expect("a broker");
        broker.signal(signal);
        assert!(broker.wait(SOON).is_some(), "the broker ends");
        machine.start_broker(&[]);
    }
    for login in &mut logins {
        assert!(login.wait(Duration::from_secs(120)).is_some(), "logins are held up");
        let (told, complaints) = (login.stdout(), login.stderr());
        assert_eq!(told.lines().count(), 60, "{told}{complaints}");
        assert!(!told.contains("bad"), "{told}{complaints}");
        assert!(told.contains("session"), "{told}{complaints}");
    }
    machine.await_nothing_left();
}

/// The broker dies when it is about to answer; a supervisor starts another.
#[test]
fn a_login_that_waits_when_the_broker_dies_is_answered_by_the_next_one() {
    let mut machine = Machine::installed();
    machine.start_broker_by(&["sh", "-c", "while :; do ck-broker; done"], &[]);
    // The module gives a broker 50 ms to come back; on a busy machine that is not always enough.
    let mut answered = 0;
    for _ in 0..20 {
        let pid = machine.host.read_file("/run/ck-broker/state/lock").trim().to_owned();
        let killer = ["strace", "-o", "/dev/null", "-e", "inject=sendto:signal=KILL:when=1", "-p", &pid];
        let killer = machine.host.spawn(&killer);
        wait_until(SOON, "strace is there", || killer.stderr().contains("attached"));
        let told =
            machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR; ls -d $XDG_RUNTIME_DIR"]);
        wait_until(SOON, "another broker", || machine.host.run(&["ckctl", "status"]).status.success());
        assert_ne!(
            machine.host.read_file("/run/ck-broker/state/lock").trim(),
            pid,
            "the broker was not killed"
        );
        answered += usize::from(told == format!("{ALICES}\n{ALICES}"));
        machine.await_nothing_left();
        if answered == 3 {
            return;
        }
    }
    panic!("{answered} of 20 logins were answered by the next broker: {}", machine.host.syslog());
}
