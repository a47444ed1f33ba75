//! A broker that may not mount, nor unmount: runtime directories are plain ones, and what is mounted stays.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, wait_until};

use super::{assert_nobody_waits, assert_sleeps, install, promptly};

const HOSTILE: &str = env!("CARGO_BIN_EXE_hostile");
const SOON: Duration = Duration::from_secs(20);

fn up() -> Guarded {
    let guarded = Guarded::up_by(&["setpriv", "--bounding-set=-sys_admin", "/usr/sbin/ck-broker"], "");
    let status = guarded.machine.host.read_file(&format!("/proc/{}/status", guarded.machine.broker().pid()));
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:")).expect("CapEff");
    let bits = u64::from_str_radix(effective.trim(), 16).expect("capabilities");
    assert_eq!(bits & 1 << 21, 0, "CAP_SYS_ADMIN was kept");
    guarded
}

#[test]
fn hostile_contents_and_races() {
    let guarded = up();
    install(&guarded.machine, HOSTILE);
    let script = "mkdir -p closed/a/b/c; touch closed/a/b/c/file; chmod 0 closed/a/b/c closed/a/b closed
mkfifo pipe; touch $'new\\nline' $'\\e[31mred' $'\\xff\\xfe'; ln -s /canary link; ln -s /canary/f1 file-link
touch sticky; chmod 7777 sticky; mkdir many; (cd many; seq 20000 | xargs touch)
for i in {1..400}; do mkdir deep; cd -P deep; done; cd \"$XDG_RUNTIME_DIR\"
mkdir roots; hostile exchange x /canary & hostile exchange y /canary & hostile recreate z &
sleep 0.3";
    for _ in 0..2 {
        let login = guarded.log_in(script);
        let roots =
            "cd /run/user/2001/roots && mkdir -m 700 -p a/b && touch a/b/file a/file && chown -R root .";
        guarded.machine.host.run_ok(&["sh", "-c", roots]);
        login.log_out();
        assert_nobody_waits(&guarded.machine);
        guarded.machine.await_nothing_left();
    }
    let mounts = guarded.machine.host.read_file("/proc/1/mounts");
    assert!(!mounts.contains("/run/user/"), "{mounts}");
    guarded.assert_gone_and_unharmed();
    assert_sleeps(&guarded);
}

/// Nobody but root has made it, and nobody but root can take it away; until then it is kept, with a word.
#[test]
fn what_root_mounts_inside_stays_until_root_unmounts_it() {
    let guarded = up();
    let host = &guarded.machine.host;
    let login = guarded.log_in("mkdir inside d; touch d/file");
    host.run_ok(&["mount", "-t", "tmpfs", "none", "/run/user/2001/inside"]);
    host.run_ok(&["touch", "/run/user/2001/inside/precious"]);
    login.log_out();
    assert_nobody_waits(&guarded.machine);
    wait_until(SOON, "a word about it", || {
        guarded.machine.broker().stderr().lines().any(|line| line.contains("/inside: "))
    });
    let left = host.run_ok(&["find", "/run/user/.ck-retired", "-path", "*/inside*"]);
    assert!(left.ends_with("/inside/precious") && left.lines().count() == 2, "{left}");
    host.run_ok(&["umount", left.lines().next().expect("the mount point")]);
    guarded.assert_gone_and_unharmed();
}

/// Then the directory can be neither emptied nor moved: logins go on without one.
#[test]
fn what_root_mounts_over_it_stays_until_root_unmounts_it() {
    let guarded = up();
    let host = &guarded.machine.host;
    let login = guarded.log_in("touch file");
    host.run_ok(&["mount", "-t", "tmpfs", "none", ALICES]);
    host.run_ok(&["touch", "/run/user/2001/precious"]);
    login.log_out();
    assert_eq!(promptly(host, &["su", "alice", "-c", "echo [$XDG_RUNTIME_DIR]"]), "[]");
    assert!(host.metadata("/run/user/2001/precious").is_some());
    assert!(guarded.machine.broker().stderr().contains("cannot move /run/user/2001"), "no word about it");
    host.run_ok(&["umount", ALICES]);
    assert_nobody_waits(&guarded.machine);
    guarded.assert_gone_and_unharmed();
}
