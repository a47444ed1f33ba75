//! At a boot, the broker is there before anybody can log in, and what was before the boot is gone.

use std::time::Duration;

use ck_tests::{Kind, Suite, wait_until};

use super::site::{SOON, Seen, Site};

/// A boot that leaves the kernel, and /run, as they are: the service manager ends everything and starts from the
/// beginning. That is as much as a host can do, and more than a boot asks of the broker, whose records are still there.
#[test]
fn the_broker_is_there_before_anybody_can_log_in() {
    let site = Site::installed(Kind::Systemd, Suite::Trixie);
    let _alice = site.alice_stays();
    let old = site.broker();
    // What asks for it ends with everything else.
    let mut asking = site.host.spawn(&["systemctl", "soft-reboot"]);
    assert!(asking.wait(Duration::from_secs(30)).is_some(), "nothing ends");
    // A manager on its way out stops every process (SIGSTOP), and nsenter(1) outside stops itself with its command: then nobody
    // answers, and it is asked again.
    let state = || {
        let mut asking = site.host.spawn(&["systemctl", "is-system-running"]);
        asking.wait(Duration::from_secs(5));
        asking.stdout()
    };
    wait_until(2 * SOON, "it has booted", || {
        state() == "running\n" && ![&*old, ""].contains(&&*site.broker())
    });

    let active_since = |unit: &str| {
        let show = ["systemctl", "show", "-P", "ActiveEnterTimestampMonotonic", unit];
        site.host.run_ok(&show).parse::<u64>().expect("microseconds")
    };
    let broker = active_since("ck-broker.service");
    assert!(active_since("ck-broker-session.socket") < broker);
    for login in ["ssh.service", "systemd-user-sessions.service", "cron.service", "multi-user.target"] {
        assert!(broker < active_since(login), "{login} comes before the broker");
    }
    assert!(!site.has_alices_file() && site.sessions_of("alice").is_empty());
    assert_eq!(site.bob(), Seen { session: true, directory: true });
}
