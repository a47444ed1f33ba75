//! The order at shutdown: no directory goes while its user's processes run.

use std::fs;
use std::time::Duration;

use super::{Service, Supervisor, service::SOON};
use ck_tests::wait_until;

/// How many shutdowns are watched at most.
const TRIES: usize = 8;
/// A process of alice's that takes its time to end, and tells what it sees. It writes to the machine's own disk.
const WITNESS: &str = "
left=100000
trap 'echo term; left=20' TERM
exec >>/shared/alice/told
while [ $((left -= 1)) -gt 0 ]; do
    if [ -d $XDG_RUNTIME_DIR ]; then directory=there; else directory=gone; fi
    if ckctl status >/dev/null 2>&1; then broker=there; else broker=gone; fi
    echo $directory $broker
    sleep 0.01
done";

fn shut_down(service: &Service, command: &[&str]) -> String {
    let host = &service.machine.host;
    host.run_ok(&["install", "-d", "-o", "alice", "/shared/alice"]);
    // sendsigs spares what belongs to no session of the host's.
    let _witness = host.spawn(&["setsid", "--wait", "su", "alice", "-c", WITNESS]);
    let told = host.state().join("shared/alice/told");
    let read = || fs::read_to_string(&told).unwrap_or_default();
    wait_until(SOON, "the session", || read().contains("there there"));
    // Gone, or dead and not yet waited for.
    let first = format!("/proc/{}/ns/mnt", host.first_process());
    let _shutdown = host.spawn(command);
    wait_until(Duration::from_secs(40), "the host is over", || fs::read_link(&first).is_err());
    read()
}

#[test]
fn openrc() {
    for init in [Supervisor::OpenRc, Supervisor::DebianOpenRc] {
        let service = Service::installed(init);
        let host = &service.machine.host;
        host.run_ok(&["rc-update", "add", "ck-broker", "default"]);
        host.run_ok(&["rc-update", "-u"]);
        host.run_ok(&["openrc"]);
        let told = shut_down(&service, &["openrc-shutdown", "--poweroff", "now"]);
        assert!(told.contains("there gone") && !told.contains("gone gone"), "{told}");
        assert!(!told.contains("gone there"), "{told}");
    }
}

#[test]
fn sysvinit() {
    // The broker's stop and SIGTERM can come between two looks; if it is stopped with all others, no look ever shows it.
    let was_first = (0..TRIES).any(|_| {
        let service = Service::installed(Supervisor::SysVInit);
        service.machine.host.run_ok(&["update-rc.d", "ck-broker", "defaults"]);
        let service = service.started();
        let told = shut_down(&service, &["init", "0"]);
        let (before, after) = told.split_once("term").unwrap_or_else(|| panic!("no SIGTERM: {told}"));
        assert!(!told.contains("gone gone") && !told.contains("gone there"), "{told}");
        assert!(after.contains("there gone"), "{told}");
        before.trim_end().ends_with("there gone")
    });
    assert!(was_first, "the broker is not stopped before processes are");
}
