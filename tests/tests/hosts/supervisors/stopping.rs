//! Neither a stop nor a restart is a logout.

use super::{Service, service::SOON, under};
use ck_tests::wait_until;

under!(a_stop_is_no_logout: openrc = OpenRc, debian_openrc = DebianOpenRc, sysvinit = SysVInit, runit = Runit);

fn a_stop_is_no_logout(service: Service) {
    let service = service.started();
    let login = service.held();
    let session = service.machine.session();
    service.control_ok("restart");
    wait_until(SOON, "it is back", || service.answers());
    assert_eq!(service.machine.session(), session);
    service.control_ok("stop");
    assert!(service.brokers().is_empty());
    assert!(service.has_mine());
    service.control_ok("start");
    assert_eq!(service.machine.session(), session);
    assert!(service.has_mine());
    drop(login);
    service.machine.await_nothing_left();
}
