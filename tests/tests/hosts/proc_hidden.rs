//! `/proc` is mounted again with `hidepid=` while the broker runs, on kernels where a leader is known by its start time (before
//! Linux 6.9).

use std::time::Duration;

use ck_tests::older_kernel::{FIRST_UNKNOWN, broker, on};
use ck_tests::{Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(20);
/// What `ckctl status` says.
const HIDES: &str = "/proc hides their processes";
const OLD: &str = FIRST_UNKNOWN[0].1;

fn remount(machine: &Machine, options: &str) {
    machine.host.run_ok(&["mount", "-o", &format!("remount,{options}"), "/proc"]);
}

/// The runtime directory that bob gets.
fn bobs(machine: &Machine) -> String {
    machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_RUNTIME_DIR"])
}

fn status(machine: &Machine) -> String {
    machine.host.run_ok(&["ckctl", "status"])
}

#[test]
fn the_broker_has_a_proc_of_its_own() {
    let mut machine = Machine::installed();
    machine.start_broker_by(&broker(OLD), &[]);
    let login = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(1);
    let before = machine.session();
    remount(&machine, "hidepid=2,gid=5");
    assert_eq!(bobs(&machine), "/run/user/2002");
    machine.await_sessions(1);
    // The leader of a session that is taken over is looked up again.
    machine.broker.take().expect("a broker").signal(Signal::KILL);
    machine.start_broker_by(&broker(OLD), &[]);
    assert_eq!(machine.session(), before);
    assert!(machine.host.run_ok(&["ckctl", "status"]).contains("all is well"));
    login.signal(Signal::KILL);
    machine.await_nothing_left();
}

#[test]
fn without_one_a_process_that_is_hidden_is_not_taken_for_one_that_has_ended() {
    let mut machine = Machine::installed();
    let unprivileged = ["setpriv", "--bounding-set=-sys_admin,-sys_ptrace", "/usr/sbin/ck-broker"];
    let old: Vec<&str> = on(OLD).into_iter().chain(unprivileged).collect();
    machine.start_broker_by(&old, &[]);
    let login = machine.host.spawn(&["su", "alice", "-c", "sleep 100"]);
    machine.await_sessions(1);
    let before = machine.session();
    remount(&machine, "hidepid=2,gid=5");
    assert_eq!(bobs(&machine), "", "he gets in, without a session");
    let log = machine.broker().stderr();
    assert!(log.contains("/proc hides process") && !log.contains("is gone"), "{log}");
    assert!(status(&machine).contains(HIDES), "{}", status(&machine));
    // A session that lives is not ended by a broker that cannot see its leader.
    machine.broker.take().expect("a broker").signal(Signal::KILL);
    machine.start_broker_by(&old, &[]);
    assert_eq!(machine.session(), before);
    assert!(status(&machine).contains(HIDES), "{}", status(&machine));

    remount(&machine, "hidepid=0");
    assert_eq!(bobs(&machine), "/run/user/2002");
    assert!(!status(&machine).contains(HIDES), "{}", status(&machine));
    login.signal(Signal::KILL);
    wait_until(SOON, "it is watched again, and ends", || machine.sessions().is_empty());
}
