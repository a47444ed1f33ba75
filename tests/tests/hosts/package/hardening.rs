//! The unit takes from the broker what it can do without, and nothing that the broker, its workers or hooks need.

use ck_tests::{ALICES, Kind, Suite, wait_until};

use super::site::{SOON, Seen, Site};

const UNIT: &str = "/lib/systemd/system/ck-broker.service";
const DOCS: &str = include_str!("../../../../docs/HARDENING.md");

#[test]
fn units_are_as_exposed_as_the_docs_say() {
    let site = Site::installed(Kind::Systemd, Suite::Bookworm);
    let mut measured = Vec::new();
    for unit in ["ck-broker.service", "systemd-logind.service", "user-runtime-dir@.service"] {
        let path = format!("/lib/systemd/system/{unit}");
        let told =
            site.host.run(&["systemd-analyze", "security", "--no-pager", "--offline=true", &path]).stdout;
        let level = told.rsplit_once("level for ").expect("a level").1;
        let score = level.split_whitespace().nth(1).expect("a score");
        assert!(DOCS.contains(&format!("| `{unit}` | {score} |")), "docs/HARDENING.md: {unit} is at {score}");
        measured.push(score.parse::<f64>().expect("a number"));
    }
    // Who makes directories on a machine with logind is not logind itself.
    assert!(measured[0] < measured[2], "{measured:?}");
    directories_are_everybodys(&site);
    hooks_can_do_what_hooks_do(&site);
    workers_can_do_what_they_do(&site);
}

fn directories_are_everybodys(site: &Site) {
    let broker = site.broker();
    let namespace = |pid: &str| site.host.run_ok(&["readlink", &format!("/proc/{pid}/ns/mnt")]);
    assert_eq!(namespace(&broker), namespace("1"));
    let status = site.host.read_file(&format!("/proc/{broker}/status"));
    assert!(status.contains("Seccomp:\t2"), "{status}");
    assert_eq!(site.bob(), Seen { session: true, directory: true });
    let mounted = "grep -c \" $XDG_RUNTIME_DIR tmpfs \" /proc/mounts";
    assert_eq!(site.host.run_ok(&["ssh", "alice@127.0.0.1", mounted]), "1");
}

fn hooks_can_do_what_hooks_do(site: &Site) {
    let hook = "#!/bin/sh\n\
                [ \"$1 $CK_SESSION_USER\" = 'session_added alice' ] || exit 0\n\
                exec >>/tmp/hook 2>&1\n\
                ckctl show \"$CK_SESSION_ID\" >/dev/null && echo ckctl\n\
                su -l bob -c 'echo su $(id -un) $XDG_RUNTIME_DIR'\n\
                HOME=/root ssh bob@127.0.0.1 'echo ssh $(id -un) $XDG_RUNTIME_DIR'\n\
                install -m 2750 -d /tmp/given && chown bob /tmp/given && stat -c '%U %a' /tmp/given\n\
                mount -t tmpfs tmpfs /tmp/given && umount /tmp/given && echo mount\n\
                (echo >/dev/tcp/127.0.0.1/1) 2>/dev/null; getent hosts localhost >/dev/null && echo names\n\
                echo end\n";
    site.host.write_file("/etc/ck/run-session.d/50-test.ck", hook, 0o755);
    site.host.run_ok(&["ssh", "alice@127.0.0.1", "true"]);
    let told = || site.host.run(&["cat", "/tmp/hook"]).stdout;
    wait_until(SOON, "the hook", || told().contains("end\n"));
    let expected = "ckctl\nsu bob /run/user/2002\nssh bob /run/user/2002\nbob 2750\nmount\nnames\nend\n";
    assert_eq!(told(), expected);
    site.host.run_ok(&["rm", "/etc/ck/run-session.d/50-test.ck"]);
}

/// What the remover reports is the same in the unit's sandbox and outside of it; and logouts leave nothing.
fn workers_can_do_what_they_do(site: &Site) {
    let plant =
        "mkdir -p $0/a/b && mkdir $0/locked && chmod 0 $0/locked && ln -s /etc $0/etc && touch $0/a/b/c";
    let report = |by: &str| {
        site.host.run_ok(&["install", "-d", "-o", "alice", "-m", "700", "/run/planted"]);
        site.host.run_ok(&["runuser", "-u", "alice", "--", "sh", "-c", plant, "/run/planted"]);
        site.host.run_ok(&["install", "-d", "-m", "700", "/run/planted/roots/deep"]);
        let script =
            format!("{by} /usr/libexec/ck/ck-remove-directory --json --uid=2001 --dest=/run/planted");
        let told = site.host.run_ok(&["bash", "-c", &script]);
        assert!(site.host.metadata("/run/planted").is_none(), "{told}");
        told.split(',')
            .filter(|field| !field.contains("ms\":") && !field.contains("seconds"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let options = "^(CapabilityB|Device|Keyring|Lock|Restrict[A-Z]|Protect|SystemCall)";
    let sandbox = format!(
        "mapfile -t o < <(grep -E '{options}' {UNIT}); systemd-run -q --pipe --wait \"${{o[@]/#/-p}}\""
    );
    assert_eq!(report(&sandbox), report(""));

    let script = "mkdir -m 0 $XDG_RUNTIME_DIR/locked; mkdir -p $XDG_RUNTIME_DIR/1/2/3";
    site.host.run_ok(&["ssh", "alice@127.0.0.1", script]);
    let rest = || site.host.run(&["find", ALICES, "/run/user/.ck-retired", "-mindepth", "1"]).stdout;
    wait_until(SOON, "nothing is left", || site.host.metadata(ALICES).is_none() && rest().is_empty());
    assert!(site.host.run_ok(&["ckctl", "status"]).contains("all is well"));
}
