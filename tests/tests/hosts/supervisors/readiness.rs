//! A service that has started serves logins.

use super::{Service, under};

under!(is_ready_when_it_has_started:
    openrc = OpenRc, debian_openrc = DebianOpenRc, sysvinit = SysVInit, runit = Runit);

/// Slow to get ready, so that a start that does not wait is seen.
fn is_ready_when_it_has_started(service: Service) {
    let host = &service.machine.host;
    host.run_ok(&["mv", "/usr/sbin/ck-broker", "/usr/sbin/ck-broker.real"]);
    let slow = "#!/bin/sh\ncase $* in *check-config) ;; *) sleep 1 ;; esac\nexec -a ck-broker /usr/sbin/ck-broker.real \"$@\"\n";
    host.write_file("/usr/sbin/ck-broker", slow.replace("/bin/sh", "/bin/bash"), 0o755);
    for _ in 0..2 {
        service.control_ok("start");
        assert_eq!(service.bobs(), "/run/user/2002", "{}", service.log());
        // Twice is as once.
        service.control_ok("start");
        service.control_ok("stop");
        assert!(!service.answers());
    }
}

under!(a_start_that_fails_says_so: openrc_bad = OpenRc, debian_openrc_bad = DebianOpenRc, sysvinit_bad = SysVInit);

fn a_start_that_fails_says_so(service: Service) {
    service.configure("[log]\nlevel = \"loud\"\n");
    let start = service.control("start");
    let told = start.stdout + &start.stderr;
    assert!(!start.status.success() && told.contains("/etc/ck/broker.toml:2"), "{told}");
    assert_eq!(service.status(), 3);
    service.configure("");
    service.control_ok("start");
    assert_eq!(service.status(), 0);
}
