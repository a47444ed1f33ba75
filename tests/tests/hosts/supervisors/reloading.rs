//! The configuration is read anew by the broker that runs, and never taken over when it is bad.

use std::time::Duration;

use super::{Service, Supervisor, service::SOON, under};
use ck_tests::wait_until;

under!(takes_what_is_right_and_keeps_it:
    openrc = OpenRc, debian_openrc = DebianOpenRc, sysvinit = SysVInit, runit = Runit);

fn takes_what_is_right_and_keeps_it(service: Service) {
    let service = service.started();
    let broker = service.broker();
    assert_eq!(service.bobs(), "/run/user/2002");
    service.configure("[runtime_dir]\nkind = \"none\"\n");
    service.control_ok("reload");
    wait_until(SOON, "the new configuration", || service.bobs().is_empty());

    service.configure("[runtime_dir]\nkind = \"tmpfs\"\nsize = \"huge\"\n");
    let reload = service.control("reload");
    let told = reload.stdout + &reload.stderr;
    if service.init == Supervisor::Runit {
        // sv sends a signal, whatever there is to read; the broker says what it thinks of that.
        wait_until(SOON, "it is logged", || service.log().contains("/etc/ck/broker.toml:3"));
        let status = service.machine.host.run_ok(&["ckctl", "status"]);
        assert!(status.contains("/etc/ck/broker.toml:3"), "{status}");
    } else {
        assert!(!reload.status.success() && told.contains("/etc/ck/broker.toml:3"), "{told}");
    }
    // And it does not stop what it could not start again.
    if service.init == Supervisor::Runit {
        // sv takes a service for restarted that was started in the same second.
        std::thread::sleep(Duration::from_millis(1100));
    }
    assert!(!service.control("restart").status.success());
    assert_eq!(service.bobs(), "");
    assert_eq!(service.broker(), broker);
    // A stop is one, whatever the file says.
    service.control_ok("stop");
    wait_until(SOON, "it is stopped", || service.brokers().is_empty());
}
