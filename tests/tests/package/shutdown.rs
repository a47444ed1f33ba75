//! At shutdown, no directory is taken from a process that still runs.

use std::fs;

use ck_tests::{Kind, Suite, wait_until};

use crate::site::{SOON, Site};

#[test]
fn by_systemd() {
    directories_outlive_processes(
        &Site::installed(Kind::Systemd, Suite::Bookworm),
        &["systemctl", "poweroff"],
    );
}

#[test]
fn by_openrc() {
    directories_outlive_processes(
        &Site::installed(Kind::OpenRc, Suite::Bookworm),
        &["openrc-shutdown", "-p", "now"],
    );
}

/// What alice runs looks, when it is told to end, whether her directory is there. It has nothing open in there; but its
/// script is in /shared, which systemd would unmount too if nobody used it.
fn directories_outlive_processes(site: &Site, shutdown: &[&str]) {
    let saw = site.host.state().join("shared/saw");
    site.host.write_file("/shared/saw", "", 0o666);
    site.host.write_file(
        "/shared/look",
        "trap 'cat $XDG_RUNTIME_DIR/mine >/shared/saw 2>&1; exit' TERM\n\
         trap '' HUP\n\
         echo here >$XDG_RUNTIME_DIR/mine\n\
         while :; do sleep 0.1; done\n",
        0o644,
    );
    // One in the session itself, and what somebody leaves running.
    let _session = site.host.spawn(&[
        "ssh",
        "alice@127.0.0.1",
        "setsid -f sh /shared/look </dev/null >/dev/null 2>&1; sleep 1000",
    ]);
    wait_until(SOON, "alice is here", || site.has_alices_file());
    site.host.run(shutdown);
    let mut told = String::new();
    wait_until(2 * SOON, "alice's process is told to end", || {
        told = fs::read_to_string(&saw).unwrap_or_default();
        !told.is_empty()
    });
    assert_eq!(told, "here\n");
}
