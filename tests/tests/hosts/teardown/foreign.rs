//! File systems that others have mounted where a runtime directory would be: used if they are the user's, and
//! never changed, unmounted or covered.

use ck_tests::{ALICES, Guarded};

use super::in_both_kinds;

/// Makes something at alice's place by `script`, logs in and out, and asserts what the login was told, and that
/// everything there is as before, but for what was made in it.
fn with_foreign(guarded: &Guarded, script: &str, told: &str) {
    let host = &guarded.machine.host;
    host.run_ok(&["bash", "-ec", &format!("mkdir -m 700 {ALICES}; chown alice {ALICES}; cd /\n{script}")]);
    let mounts = || host.run_ok(&["grep", "-F", &format!(" {ALICES}"), "/proc/self/mountinfo"]);
    let (before, tree) = (mounts(), guarded.fingerprint(ALICES));
    for _ in 0..2 {
        let login = "echo [$XDG_RUNTIME_DIR]; ckctl show $XDG_SESSION_ID | grep '^Runtime dir'; [ -z $XDG_RUNTIME_DIR ] || touch -d @1 $XDG_RUNTIME_DIR/file; \
                     touch -d @1 $XDG_RUNTIME_DIR 2>/dev/null; true";
        assert_eq!(host.run_ok(&["su", "alice", "-s", "/bin/bash", "-c", login]), told, "{script}");
        guarded.machine.await_sessions(0);
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_eq!(mounts(), before, "{script}");
        assert_eq!(guarded.fingerprint(ALICES), tree, "{script}");
    }
    host.run_ok(&["bash", "-c", &format!("while umount {ALICES} 2>/dev/null; do :; done; rm -rf {ALICES}")]);
}

#[test]
fn file_systems_of_others() {
    const OWN: &str = "-o uid=2001,mode=700 own /run/user/2001; touch -d @1 /run/user/2001/file; touch -d @1 /run/user/2001";
    in_both_kinds(|guarded, _| {
        let used = format!("[{ALICES}]\nRuntime directory:  {ALICES}");
        with_foreign(guarded, &format!("mount -t tmpfs {OWN}"), &used);
        with_foreign(guarded, &format!("mount -t tmpfs below {ALICES}; mount -t tmpfs {OWN}"), &used);
        let bind = "mkdir -m 700 /home/alice/there; chown alice /home/alice/there; mount --bind /home/alice/there /run/user/2001
                    touch -d @1 /run/user/2001/file; chown alice /run/user/2001/file; touch -d @1 /run/user/2001";
        with_foreign(guarded, bind, &used);
        for not_hers in [
            "mount -t tmpfs -o mode=700 roots /run/user/2001",
            "mount -t tmpfs -o uid=2001,mode=755 open /run/user/2001",
            "mount -t tmpfs -o uid=2001,mode=1700 sticky /run/user/2001",
            "mount -t tmpfs -o uid=2002,mode=700 bobs /run/user/2001",
            "mount -t tmpfs -o uid=2001,mode=700 own /run/user/2001; mount --bind /canary /run/user/2001",
        ] {
            with_foreign(guarded, not_hers, "[]\nRuntime directory:  -");
        }
        assert_eq!(guarded.session("ls -A; stat -c '%a %U' ."), "700 alice");
        guarded.assert_gone_and_unharmed();
    });
}
