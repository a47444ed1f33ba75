//! A state directory that outlives a boot: where `/run` is on a disk, or a container is started again.

use std::time::Duration;

use ck_tests::{ALICES, Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(20);
const BOOT: &str = "/run/ck-broker/state/boot";

/// The pids of yesterday are those of other processes today. Here they are those of the same, which is the hardest case.
#[test]
fn no_process_of_today_is_a_leader_of_yesterday() {
    let mut machine = Machine::up();
    machine.host.run_ok(&["ckctl", "linger", "on", "bob"]);
    machine.host.run_ok(&["touch", "/run/user/2002/of-yesterday"]);
    let login = machine.host.spawn(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/here; sleep 100"]);
    wait_until(SOON, "the login", || machine.host.metadata(&format!("{ALICES}/here")).is_some());
    let boot = machine.host.read_file(BOOT);
    let [id, namespace, started] = boot.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{boot}") };
    assert_eq!(id.len(), 36);
    assert!(namespace.starts_with("pid:[") && started.parse::<u64>().is_ok(), "{boot}");

    // The same boot: a restart ends nothing.
    machine.broker.take().expect("a broker").signal(Signal::KILL);
    machine.start_broker(&[]);
    machine.await_sessions(1);

    for other in [
        format!("00000000-0000-0000-0000-000000000000 {namespace} {started}\n"),
        format!("{id} pid:[1] {started}\n"),
        format!("{id} {namespace} 0\n"),
    ] {
        machine.broker.take().expect("a broker").signal(Signal::KILL);
        machine.host.write_file(BOOT, other, 0o600);
        machine.start_broker(&[]);
        assert!(machine.sessions().is_empty(), "{:?}", machine.sessions());
        assert!(machine.broker().stderr().contains("the state is of an earlier boot"));
        assert_eq!(machine.host.read_file(BOOT), boot);
        wait_until(SOON, "the directory is gone", || !machine.has_alices());
        // Who lingers does so again, in a directory of this boot.
        assert!(machine.host.metadata("/run/user/2002").is_some());
        assert!(machine.host.metadata("/run/user/2002/of-yesterday").is_none());
        machine.host.run_ok(&["touch", "/run/user/2002/of-yesterday"]);
    }
    login.signal(Signal::KILL);
}
