//! Logins wait at sockets that systemd holds, but not for a broker that cannot come.

use std::time::Instant;

use ck_tests::{Kind, Suite, wait_until};

use super::site::{SOON, Seen, Site};

const ALL: Seen = Seen { session: true, directory: true };

#[test]
fn the_service_comes_back_and_gives_up_where_there_is_no_use() {
    let site = Site::installed(Kind::Systemd, Suite::Bookworm);
    order(&site);
    a_login_starts_the_broker(&site);
    a_login_waits(&site);
    hooks_outlive_the_broker(&site);
    killed_again_and_again(&site);
    a_configuration_that_cannot_be_read(&site);
}

/// Before anybody can log in; stopped after nobody can.
fn order(site: &Site) {
    for unit in ["systemd-user-sessions.service", "ssh.service", "cron.service"] {
        let after = site.host.run_ok(&["systemctl", "show", "-P", "After", unit]);
        assert!(after.split(' ').any(|name| name == "ck-broker.service"), "{unit}: {after}");
    }
    let sockets = "stat -c '%a %U' /run/ck-broker/session.sock /run/ck-broker/admin.sock";
    assert_eq!(site.host.run_ok(&["sh", "-c", sockets]), "600 root\n666 root");
}

fn a_login_starts_the_broker(site: &Site) {
    site.host.run_ok(&["systemctl", "stop", "--quiet", "ck-broker.service"]);
    assert_eq!(site.broker(), "");
    assert_eq!(site.bob(), ALL);
}

/// There is no broker when it comes, and for some time.
fn a_login_waits(site: &Site) {
    let late = "/run/systemd/system/ck-broker.service.d/late.conf";
    site.host.run_ok(&["mkdir", "-p", "/run/systemd/system/ck-broker.service.d"]);
    site.host.write_file(late, "[Service]\nExecStartPre=/bin/sleep 0.7\n", 0o644);
    site.host.run_ok(&["systemctl", "daemon-reload"]);
    site.host.run_ok(&["systemctl", "restart", "--no-block", "ck-broker.service"]);
    wait_until(SOON, "the old broker has ended", || site.broker().is_empty());
    assert_eq!(site.bob(), ALL);
    site.host.run_ok(&["rm", late]);
    site.host.run_ok(&["systemctl", "daemon-reload"]);
}

fn hooks_outlive_the_broker(site: &Site) {
    let hook = "#!/bin/sh\n[ $1 = session_added ] || exit 0\n: >/tmp/begun\nsleep 2\n: >/tmp/done\n";
    site.host.write_file("/etc/ck/run-session.d/50-slow.ck", hook, 0o755);
    assert_eq!(site.bob(), ALL);
    wait_until(SOON, "the hook runs", || site.host.metadata("/tmp/begun").is_some());
    assert!(site.service("restart").status.success());
    assert!(site.host.metadata("/tmp/done").is_none(), "too late to tell");
    site.host.run_ok(&["rm", "/etc/ck/run-session.d/50-slow.ck"]);
    wait_until(SOON, "the hook ends", || site.host.metadata("/tmp/done").is_some());
}

/// More often than systemd starts a service by default.
fn killed_again_and_again(site: &Site) {
    for _ in 0..8 {
        let old = site.broker();
        site.host.run_ok(&["kill", "-9", &old]);
        site.await_other(&old);
    }
    assert_eq!(site.bob(), ALL);
}

fn a_configuration_that_cannot_be_read(site: &Site) {
    let file = "/etc/ck/broker.toml";
    let good = site.host.read_file(file);
    site.host.write_file(file, "[runtime_dir]\nkind = 7\n", 0o644);
    // A reload says so, and keeps what there is.
    assert!(!site.host.run(&["systemctl", "reload", "ck-broker.service"]).status.success());
    let log = || site.host.syslog();
    wait_until(SOON, "why", || log().contains("broker.toml:2"));
    assert_eq!(site.bob(), ALL);
    assert!(!site.service("restart").status.success());
    // Somebody who asks is told what to type.
    let told = site.host.run(&["ckctl"]).stderr;
    assert!(told.contains("`ck-broker --check-config`"), "{told}");
    // The first login finds out; it and all others get in, and the others do not even wait.
    let none = Seen { session: false, directory: false };
    assert_eq!(site.bob(), none);
    let starts = || site.host.syslog().matches("Starting ck-broker.service").count();
    wait_until(SOON, "the socket gives up", || {
        site.host.run(&["systemctl", "is-active", "ck-broker-session.socket"]).stdout == "failed\n"
    });
    let before = starts();
    let start = Instant::now();
    assert_eq!(site.bob(), none);
    assert!(start.elapsed().as_millis() < 1500, "a login waited for nobody: {:?}", start.elapsed());
    assert_eq!(starts(), before, "it is started again and again");
    site.host.write_file(file, good, 0o644);
    site.host.run_ok(&["systemctl", "restart", "ck-broker.service"]);
    assert_eq!(site.bob(), ALL);
}
