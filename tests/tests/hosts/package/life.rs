//! Installed, restarted, killed, upgraded, removed, purged: logins work at every step, those who are logged in stay, and
//! in the end everything is as before.

use ck_tests::{Kind, Running, Suite};

use super::listing;
use super::published;
use super::site::{Directories, Seen, Site};

const NEITHER: Seen = Seen { session: false, directory: false };

#[test]
fn bookworm_with_openrc() {
    whole_life(&Site::up(Kind::OpenRc, Suite::Bookworm));
}

#[test]
fn bookworm_with_sysvinit() {
    whole_life(&Site::up(Kind::SysVInit, Suite::Bookworm));
}

#[test]
fn bookworm_with_systemd() {
    whole_life(&Site::up(Kind::Systemd, Suite::Bookworm));
}

#[test]
fn bookworm_with_systemd_and_logind() {
    whole_life(&Site::with_logind());
}

#[test]
fn trixie_with_systemd() {
    whole_life(&Site::up(Kind::Systemd, Suite::Trixie));
}

fn whole_life(site: &Site) {
    // Who logs in for the first time leaves traces.
    let without = site.bob();
    assert_eq!(without, site.bob_on_a_terminal());
    assert!(!without.session);
    let before = listing::of(site);

    let told = site.install();
    let beside = told.contains("systemd-logind manages /run/user here");
    assert_eq!(beside, site.directories == Directories::Logind, "{told}");
    logins_have_sessions(site);
    nothing_is_found(site);

    let held = site.alice_stays();
    let session = site.sessions_of("alice");
    assert_eq!(session.len(), 1);
    let stays = |site: &Site| {
        assert!(site.has_alices_file(), "a restart is no logout");
        assert_eq!(site.sessions_of("alice"), session);
        published::are_right(site);
        logins_have_sessions(site);
    };
    restart(site, |site| assert!(site.service("restart").status.success()));
    stays(site);
    restart(site, Site::kill_broker);
    stays(site);
    restart(site, |site| drop(site.upgrade()));
    stays(site);

    site.apt(&["remove", "ck-broker"]);
    site.install();
    stays(site);

    removed(site, held, &without);
    site.apt(&["purge", "ck-broker"]);
    assert_eq!(site.bob(), without);
    assert_eq!(site.bob_on_a_terminal(), without);
    listing::assert_same(&before, &listing::of(site));
}

fn logins_have_sessions(site: &Site) {
    let with = Seen { session: true, directory: true };
    assert_eq!(site.bob(), with);
    assert_eq!(site.bob_on_a_terminal(), with);
}

/// `ckctl doctor` is content, but for sysvinit, which starts nothing again.
fn nothing_is_found(site: &Site) {
    let told = site.host.run_ok(&["ckctl", "doctor", "--login", "bob", "--no-legend"]);
    let is_good = |line: &&str| line.starts_with("ok ") || line.starts_with("skipped ");
    let bad: Vec<&str> = told.lines().filter(|line| !is_good(line)).collect();
    let supervisor = |line: &&str| {
        line.starts_with("warning  supervisor ") || line.contains("  do: start it as a service")
    };
    assert!(bad.iter().all(supervisor), "{told}");
    assert!(told.contains("login-close"), "{told}");
}

/// Logins that come while the broker is restarted get in, and where its sockets stay, they get a session.
fn restart(site: &Site, by: impl FnOnce(&Site)) {
    // A ckctl that the broker leaves in the middle asks no second time by itself.
    let tell = "for _ in 1 2 3; do ckctl list --no-legend | grep -q ' bob ' && echo in && exit; sleep 0.1; done; echo in, nobody";
    site.host.write_file("/tmp/tell", tell, 0o644);
    let script = "until [ -e /tmp/go ]; do sleep 0.01; done; \
                  for _ in 1 2 3 4 5 6; do ssh bob@127.0.0.1 '. /tmp/tell' || echo out; done";
    let mut logins = site.host.spawn(&["sh", "-c", script]);
    let old = site.broker();
    let watch = published::watch(site);
    site.host.write_file("/tmp/go", "", 0o644);
    by(site);
    site.await_other(&old);
    published::was_there_all_the_time(site, watch);
    assert!(logins.wait(super::site::SOON).is_some(), "logins go on");
    let told = logins.stdout();
    let log = || format!("{told}{}\n{}", logins.stderr(), site.host.syslog());
    assert_eq!(told.lines().filter(|line| line.starts_with("in")).count(), 6, "{}", log());
    assert!(!site.has_socket_activation() || !told.contains("nobody"), "a login did not wait: {}", log());
    site.host.run_ok(&["rm", "/tmp/go", "/tmp/tell"]);
}

/// Removed under somebody who is logged in: they keep what they have, and get out; who comes does without.
fn removed(site: &Site, held: Running, without: &Seen) {
    let others = published::plant(site);
    let told = site.apt(&["remove", "ck-broker"]);
    published::only_others_are_left(site, &others);
    assert!(site.has_alices_file(), "{told}");
    let stays = told.contains("ck-broker: /run/user/2001 stays");
    assert_eq!(stays, site.directories == Directories::Ours, "{told}");
    assert_eq!(site.bob(), *without);
    assert_eq!(site.bob_on_a_terminal(), *without);
    site.alice_leaves(held);
    site.host.run_ok(&["rm", "/tmp/leave"]);
    if site.directories == Directories::Ours {
        assert_eq!(*without, NEITHER);
    }
}
