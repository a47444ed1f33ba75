//! What is mounted in a runtime directory, and on it.

use std::time::Duration;

use ck_tests::{ALICES, Guarded};

use super::in_both_kinds;

/// Trees that are mounted by root: what is in them is not the runtime directory's. `/home` is on another file
/// system than plain runtime directories, `/run/precious` on the same; both are alice's, so that she could remove all of them.
const SOURCES: [&str; 3] = ["/home/alice/precious", "/run/precious", "/root/precious"];

fn make_sources(guarded: &Guarded) -> [String; 3] {
    let plant = "for at in /home/alice /run /root; do mkdir -m 700 -p $at/precious/d/e; touch $at/precious/f \
                 $at/precious/d/e/f; done; chown -R alice /home/alice/precious /run/precious";
    guarded.machine.host.run_ok(&["sh", "-c", plant]);
    SOURCES.map(|source| guarded.fingerprint(source))
}

fn assert_sources(guarded: &Guarded, before: &[String; 3]) {
    assert_eq!(&SOURCES.map(|source| guarded.fingerprint(source)), before, "what was mounted was changed");
}

/// A root's script in alice's directory, between her login and her logout.
fn mounted_by_root(guarded: &Guarded, script: &str) {
    let before = make_sources(guarded);
    let login = guarded.log_in("mkdir -p hers/below; touch hers/file hers/below/file");
    guarded.machine.host.run_ok(&["bash", "-ec", &format!("cd {ALICES}\n{script}")]);
    login.log_out();
    // First what matters most: a teardown that goes astray may never come to its end.
    std::thread::sleep(Duration::from_millis(500));
    assert_sources(guarded, &before);
    guarded.assert_gone_and_unharmed();
    assert_sources(guarded, &before);
}

#[test]
fn mounts_inside() {
    in_both_kinds(|guarded, _| {
        mounted_by_root(
            guarded,
            "mkdir home run root canary nested stacked hers/below/deep; touch file hers/file2
             mount --bind /home/alice/precious home; mount --bind /run/precious run; mount --bind /root/precious root
             mount --bind /canary canary
             mount --bind /home/alice/precious/f file; mount --bind /run/precious/f hers/file2
             mount -t tmpfs -o uid=2001,mode=700 nested nested; mkdir nested/deeper; touch nested/file
             mount -t tmpfs nested nested/deeper; mkdir nested/deeper/{a,b}; mount --bind /run/precious nested/deeper/a
             mount --bind /home/alice/precious hers/below/deep
             mount --bind /canary stacked; mount -t tmpfs over stacked; mount --bind /run/precious stacked
             mount --bind hers nested/deeper/b; mount --rbind nested hers/below",
        );
    });
}

/// A directory that a process of root's is in, with file systems mounted upon it, one upon another.
#[test]
fn mounts_upon_it() {
    in_both_kinds(|guarded, _| {
        mounted_by_root(
            guarded,
            "cd hers/below; sleep 1000 & cd ../..
             mount -t tmpfs over /run/user/2001
             mount --bind /run/precious /run/user/2001
             mount --bind /canary /run/user/2001
             mount -t tmpfs -o uid=2001,mode=700 over /run/user/2001; touch /run/user/2001/file",
        );
        guarded.machine.host.run_ok(&["pgrep", "-f", "sleep 1000"]);
    });
}

/// An empty plain directory, or the mount point of a tmpfs that somebody has unmounted, is removed at once; what was
/// mounted on it instead must not be taken for ours.
#[test]
fn a_mount_instead_of_it() {
    in_both_kinds(|guarded, kind| {
        let before = make_sources(guarded);
        let login = guarded.log_in("");
        if kind == "tmpfs" {
            guarded.machine.host.run_ok(&["umount", ALICES]);
        }
        guarded.machine.host.run_ok(&["mount", "--bind", "/run/precious", ALICES]);
        login.log_out();
        guarded.assert_gone_and_unharmed();
        assert_sources(guarded, &before);
    });
}
