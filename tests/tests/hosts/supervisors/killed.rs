//! Brokers that are killed, and supervisors.

use std::time::Duration;

use super::{Service, Supervisor, service::SOON, under};
use ck_tests::wait_until;

/// What the scripts say, and what a busy machine adds.
const RESPAWN_LIMIT: Duration = Duration::from_secs(3);
/// OpenRC gives up after ten, unless it is told not to.
const OFTEN: usize = 12;

under!(the_broker_comes_back_however_often_it_is_killed:
    openrc_respawns = OpenRc, debian_openrc_respawns = DebianOpenRc, runit_respawns = Runit);

fn the_broker_comes_back_however_often_it_is_killed(service: Service) {
    let service = service.started();
    let login = service.held();
    let session = service.machine.session();
    let times = if service.init == Supervisor::OpenRc { OFTEN } else { 2 };
    for _ in 0..times {
        service.kill(&service.broker());
        let taken = service.await_answer();
        assert!(taken < RESPAWN_LIMIT, "{taken:?}");
    }
    assert_eq!(service.machine.session(), session);
    assert!(service.has_mine());
    assert_eq!(service.status(), 0);
    drop(login);
    service.machine.await_nothing_left();
}

/// It respawns nothing, but knows what happened.
#[test]
fn sysvinit_starts_again_what_was_killed() {
    let service = Service::installed(Supervisor::SysVInit).started();
    let login = service.held();
    let session = service.machine.session();
    service.kill(&service.broker());
    assert_eq!(service.status(), 1);
    service.control_ok("start");
    assert_eq!(service.status(), 0);
    assert_eq!(service.machine.session(), session);
    drop(login);
    service.machine.await_nothing_left();
}

/// What the script says of inittab(5).
#[test]
fn a_line_in_inittab_has_it_respawned() {
    let service = Service::installed(Supervisor::SysVInit);
    let host = &service.machine.host;
    let script = host.read_file("/etc/init.d/ck-broker");
    let line = script.lines().find_map(|line| line.strip_prefix("#     ck:")).expect("a line for inittab");
    host.run_ok(&["sed", "-i", &format!("/^l0:/i ck:{line}"), "/etc/inittab"]);
    host.run_ok(&["telinit", "q"]);
    service.await_answer();
    let login = service.held();
    let session = service.machine.session();
    for _ in 0..3 {
        service.kill(&service.broker());
        service.await_answer();
    }
    assert_eq!(service.machine.session(), session);
    // The script sees that broker, and starts no second one.
    assert_eq!(service.status(), 0);
    service.control_ok("start");
    service.broker();
    drop(login);
}

under!(a_supervisor_that_is_killed_leaves_no_second_broker:
    openrc_supervisor = OpenRc, debian_openrc_supervisor = DebianOpenRc, runit_supervisor = Runit);

fn a_supervisor_that_is_killed_leaves_no_second_broker(service: Service) {
    let service = service.started();
    let login = service.held();
    let session = service.machine.session();
    for round in 0..4 {
        let broker = service.broker();
        let supervisor = supervisor(&service);
        service.kill(&supervisor);
        // Nobody who logs in notices. (runsvdir may be quick to have another.)
        assert!(service.bobs() == "/run/user/2002" || service.init == Supervisor::Runit);
        start_again(&service, round);
        wait_until(SOON, "another broker", || {
            let brokers = service.brokers();
            assert!(brokers.len() <= 1, "{brokers:?}");
            brokers.len() == 1 && brokers[0] != broker
        });
        service.await_answer();
        assert_eq!(service.status(), 0);
        // It is supervised again.
        service.kill(&service.broker());
        service.await_answer();
    }
    assert_eq!(service.machine.session(), session);
    service.kill(&supervisor(&service));
    if service.init != Supervisor::Runit {
        service.control_ok("stop");
        assert!(service.brokers().is_empty(), "{:?}", service.brokers());
        assert!(service.has_mine());
        assert_eq!(service.status(), 3);
        service.control_ok("start");
        assert_eq!(service.machine.session(), session);
    }
    drop(login);
}

/// The process that started the broker.
fn supervisor(service: &Service) -> String {
    let parent = service.machine.host.run_ok(&["ps", "-o", "ppid=", "-p", &service.broker()]);
    let parent = parent.trim().to_owned();
    let name = service.machine.host.run_ok(&["ps", "-o", "comm=", "-p", &parent]);
    // The kernel keeps 15 letters of a name.
    assert!(["supervise-daemo", "runsv"].contains(&name.trim()), "{name}");
    parent
}

/// What an administrator may do. runsvdir needs nobody.
fn start_again(service: &Service, round: usize) {
    match (service.init, round) {
        (Supervisor::Runit, _) => {}
        // OpenRC itself takes the service for started, until it is stopped.
        (Supervisor::DebianOpenRc, 0) => {
            service.machine.host.run_ok(&["/etc/init.d/ck-broker", "start"]);
        }
        (_, 1) => {
            service.machine.host.run_ok(&["rc-update", "add", "ck-broker", "default"]);
            service.machine.host.run_ok(&["openrc"]);
        }
        _ => {
            assert!([32, 64].contains(&service.status()));
            service.control_ok("restart");
        }
    }
}
