//! What Debian's package managers and administrators do with the one script in /etc/init.d.

use super::{Service, Supervisor};

#[test]
fn every_way_to_call_the_script_ends_at_openrc() {
    let service = Service::installed(Supervisor::DebianOpenRc);
    let host = &service.machine.host;
    host.run_ok(&["update-rc.d", "ck-broker", "defaults"]);
    for call in [&["/etc/init.d/ck-broker"][..], &["service", "ck-broker"], &["rc-service", "ck-broker"]] {
        let call = |action| host.run(&[call, &[action]].concat()).status.code();
        assert_eq!(call("start"), Some(0));
        let broker = service.broker();
        let parent = host.run_ok(&["ps", "-o", "ppid=", "-p", &broker]);
        assert_eq!(host.run_ok(&["ps", "-o", "comm=", "-p", parent.trim()]), "supervise-daemo");
        assert!(
            host.run_ok(&["rc-status"])
                .lines()
                .any(|line| { line.trim_start().starts_with("ck-broker") && line.contains("started") })
        );
        assert_eq!((call("status"), call("reload"), call("force-reload")), (Some(0), Some(0), Some(0)));
        assert_eq!(service.broker(), broker);
        assert_eq!(call("restart"), Some(0));
        assert_ne!(service.broker(), broker);
        assert_eq!(call("stop"), Some(0));
        assert_eq!(call("status"), Some(3));
    }
    let try_restart = || host.run(&["/etc/init.d/ck-broker", "try-restart"]).status.code();
    assert_eq!((try_restart(), service.status()), (Some(0), 3));
    service.control_ok("start");
    let broker = service.broker();
    assert_eq!(try_restart(), Some(0));
    assert_ne!(service.broker(), broker);
}

#[test]
fn options_of_etc_default_reach_the_broker() {
    for init in [Supervisor::DebianOpenRc, Supervisor::SysVInit] {
        let service = Service::installed(init);
        let host = &service.machine.host;
        host.write_file("/etc/other.toml", "[runtime_dir]\nkind = \"none\"\n", 0o644);
        host.write_file("/etc/default/ck-broker", "CK_BROKER_OPTIONS=--config=/etc/other.toml\n", 0o644);
        let service = service.started();
        assert_eq!(service.bobs(), "");
        service.machine.host.write_file("/etc/other.toml", "none", 0o644);
        assert!(!service.control("reload").status.success());
    }
}

#[test]
fn options_of_conf_d_reach_the_broker() {
    let service = Service::installed(Supervisor::OpenRc);
    let host = &service.machine.host;
    host.write_file("/etc/other.toml", "[runtime_dir]\nkind = \"none\"\n", 0o644);
    host.write_file("/etc/conf.d/ck-broker", "CK_BROKER_OPTIONS=--config=/etc/other.toml\n", 0o644);
    let service = service.started();
    assert_eq!(service.bobs(), "");
}
