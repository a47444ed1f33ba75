//! What each says of the service.

use super::{Service, Supervisor, under};

under!(status_tells_whether_it_runs: openrc = OpenRc, debian_openrc = DebianOpenRc, sysvinit = SysVInit);

fn status_tells_whether_it_runs(service: Service) {
    assert_eq!(service.status(), 3);
    let service = service.started();
    assert_eq!(service.status(), 0);
    service.control_ok("stop");
    assert_eq!(service.status(), 3);
}

#[test]
fn runit_tells_it_in_words() {
    let service = Service::installed(Supervisor::Runit);
    assert_eq!(service.status(), 1, "there is no runsv yet");
    let service = service.started();
    assert!(service.control_ok("status").starts_with("run: "));
    service.control_ok("check");
    service.control_ok("stop");
    assert!(service.control_ok("status").starts_with("down: "));
}

/// LSB 5, "Init Script Actions".
#[test]
fn what_sysvinit_cannot_do_has_its_exit_status() {
    let service = Service::installed(Supervisor::SysVInit);
    let code = |action: &str| service.control(action).status.code();
    assert_eq!(code("reload"), Some(7));
    assert_eq!(code("force-reload"), Some(7));
    assert_eq!(code("try-restart"), Some(0));
    assert_eq!(service.status(), 3, "it was not started");
    assert_eq!(code("stop"), Some(0));
    assert_eq!(code("dance"), Some(2));
    assert_eq!(code("start"), Some(0));
    assert_eq!(code("force-reload"), Some(0));
    service.configure("none");
    assert_eq!(code("reload"), Some(6));
    assert_eq!(code("restart"), Some(6));
    assert_eq!(code("try-restart"), Some(6));
    assert_eq!(service.status(), 0);
    service.configure("");
    let broker = service.broker();
    assert_eq!(code("try-restart"), Some(0));
    assert_ne!(service.broker(), broker);
    // The package was removed, and not purged.
    service.control_ok("stop");
    service.machine.host.run_ok(&["rm", "/usr/sbin/ck-broker"]);
    assert_eq!(code("start"), Some(0));
    assert_eq!(code("stop"), Some(0));
    assert_eq!(service.status(), 3);
}
