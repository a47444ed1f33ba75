//! At shutdown, no directory is taken from a process that still runs.

use std::fs;
use std::path::Path;

use ck_tests::{Kind, Suite, wait_until};

use super::site::{SOON, Site};

#[test]
fn by_systemd() {
    let site = Site::installed(Kind::Systemd, Suite::Bookworm);
    assert_eq!(seen_at_the_end(&site, &["systemctl", "poweroff"]).as_deref(), Some("here\n"));
}

/// openrc-init sends SIGKILL 3 s after SIGTERM, but earlier if one of its children ends meanwhile: on a busy machine, that
/// may be before anybody could look.
#[test]
fn by_openrc() {
    let told = (0..5).find_map(|_| {
        let site = Site::installed(Kind::OpenRc, Suite::Bookworm);
        seen_at_the_end(&site, &["openrc-shutdown", "-p", "now"])
    });
    assert_eq!(told.as_deref(), Some("here\n"));
}

/// What alice's process sees, if it does: it looks, when it is told to end, whether her directory is there. It has nothing
/// open in there; but its script is in /shared, which systemd would unmount too if nobody used it. It looks at once, and
/// without another program: SIGKILL may be near.
fn seen_at_the_end(site: &Site, shutdown: &[&str]) -> Option<String> {
    let saw = site.host.state().join("shared/saw");
    site.host.write_file("/shared/saw", "", 0o666);
    site.host.write_file(
        "/shared/look",
        "trap '{ read -r line <$XDG_RUNTIME_DIR/mine; echo \"$line\"; } >/shared/saw 2>&1; exit' TERM\n\
         trap '' HUP\n\
         echo here >$XDG_RUNTIME_DIR/mine\n\
         sleep 1000 &\n\
         while :; do wait; done\n",
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
    let first = Path::new("/proc").join(site.host.first_process().to_string());
    let told = || fs::read_to_string(&saw).ok().filter(|told| !told.is_empty());
    wait_until(2 * SOON, "alice's process is told to end", || told().is_some() || !first.exists());
    told()
}
