//! The order at boot: before whoever lets people log in.

use super::{Service, Supervisor, under};

under!(openrc_starts_it_before_sshd: openrc = OpenRc, debian_openrc = DebianOpenRc);

/// By the alphabet it would come after this one.
const SSHD: &str = "#!/usr/sbin/openrc-run
depend() { provide sshd; }
start() { ckctl status >/dev/null; }
stop() { ckctl status >/dev/null && touch /run/still-there; }
";

fn openrc_starts_it_before_sshd(service: Service) {
    let host = &service.machine.host;
    host.write_file("/etc/init.d/a-sshd", SSHD, 0o755);
    for service in ["a-sshd", "ck-broker"] {
        host.run_ok(&["rc-update", "add", service, "default"]);
    }
    host.run_ok(&["rc-update", "-u"]);
    host.run_ok(&["openrc", "default"]);
    host.run_ok(&["rc-service", "a-sshd", "status"]);
    // And it is stopped after it.
    host.run_ok(&["openrc", "nonetwork"]);
    assert_eq!(service.status(), 3);
    assert!(host.metadata("/run/still-there").is_some());
}

#[test]
fn sysvinit_starts_it_before_sshd_and_stops_it_before_processes_are_killed() {
    let service = Service::installed(Supervisor::SysVInit);
    let host = &service.machine.host;
    host.run_ok(&["update-rc.d", "ck-broker", "defaults"]);
    let place = |level: &str, script: &str| {
        let found = host.run_ok(&["sh", "-c", &format!("ls /etc/rc{level}.d | grep '{script}$'")]);
        (found[..1].to_owned(), found[1..3].parse::<u32>().expect("a number"))
    };
    for level in ["2", "3", "4", "5"] {
        assert!(place(level, "host-syslog") < place(level, "ck-broker"));
        assert!(place(level, "ck-broker") < place(level, "ssh"));
    }
    for level in ["0", "6"] {
        assert_eq!(place(level, "ck-broker").0, "K");
        assert!(place(level, "ck-broker") < place(level, "sendsigs"));
    }
}
