//! Which logins have sessions where the package has put its line: those of people, and no others.

use ck_tests::{Kind, Suite, wait_until};

use super::site::{SOON, Site};

#[test]
fn people_have_sessions_and_nothing_else_has() {
    let site = Site::installed(Kind::Systemd, Suite::Trixie);
    let tell = "echo ${XDG_SESSION_ID:+in a session}";
    site.host.write_file("/tmp/tell", tell, 0o644);
    for (program, has) in [
        (&["ssh", "bob@127.0.0.1"][..], true),
        (&["su", "-l", "bob", "-c"], true),
        (&["su", "bob", "-c"], true),
        (&["sudo", "-u", "bob", "sh", "-c"], false),
        // A login, by Debian's own /etc/pam.d/sudo-i, as `su -l` is one.
        (&["sudo", "-i", "-u", "bob", "sh", "-c"], true),
        (&["runuser", "-l", "bob", "-c"], false),
        (&["runuser", "-u", "bob", "--", "sh", "-c"], false),
    ] {
        let told = site.host.run_ok(&[program, &["sh /tmp/tell"]].concat());
        assert_eq!(told == "in a session", has, "{program:?}: {told}");
    }
    assert!(site.bob_on_a_terminal().session);
    for (start, name) in [
        (
            "echo '@reboot bob sh /tmp/job cron' >/etc/cron.d/job; rm -f /run/crond.reboot; systemctl restart cron",
            "cron",
        ),
        ("echo 'sh /tmp/job at' | runuser -u bob -- at now", "at"),
    ] {
        site.host.write_file(
            "/tmp/job",
            format!("{tell} >/tmp/of-$1.new; mv /tmp/of-$1.new /tmp/of-$1\n"),
            0o644,
        );
        site.host.run_ok(&["sh", "-c", start]);
        let told = format!("/tmp/of-{name}");
        wait_until(SOON, "the job", || site.host.metadata(&told).is_some());
        assert_eq!(site.host.read_file(&told), "\n", "{name}");
    }
}
