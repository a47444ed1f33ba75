//! Logins that come right after a logout, and many first logins at once: one directory each, fresh and empty.

use std::time::Duration;

use ck_tests::{Guarded, wait_until};

use super::assert_sleeps;

/// How often alice logs out and in again.
const TIMES: u32 = 1000;
/// First logins at the same time, of one user or of as many.
const TOGETHER: u32 = 64;
/// Uids without an account of the distribution's.
const FIRST_UID: u32 = 5001;

fn again_and_again(kind: &str) {
    let guarded = Guarded::up_kind(kind);
    // Builtins only, so that the logins follow each other as fast as they can. What each leaves has to be torn down.
    let session = "cd \"$XDG_RUNTIME_DIR\" && [ \"$PWD\" = /run/user/2001 ] && shopt -s nullglob dotglob && \
                   inside=(*) && [ ${#inside[@]} = 0 ] && echo mine >file && read -r line <file && [ \"$line\" = mine ] && \
                   for i in {1..20}; do : >$i; done && umask 777 && : >closed";
    let script = format!(
        "for i in $(seq {TIMES}); do su alice -s /bin/bash -c '{session}' || exit 1; \
         [ ! -e /run/user/2001 ] || exit 2; done"
    );
    let output = guarded.machine.host.run_within(Duration::from_secs(120), &["bash", "-c", &script]);
    assert!(output.status.success(), "{}: {}{}", output.status, output.stdout, output.stderr);
    guarded.assert_gone_and_unharmed();
    assert_sleeps(&guarded);
}

#[test]
fn a_thousand_times_with_a_tmpfs() {
    again_and_again("tmpfs");
}

#[test]
fn a_thousand_times_with_a_plain_directory() {
    again_and_again("directory");
}

/// Runs `TOGETHER` real logins at once, in a session of each a look at the directory, and waits until all are in.
/// (Each appends to a file: what many processes write at once to the output that a test sees may be lost.)
fn at_once(guarded: &Guarded, name: &str) -> Vec<String> {
    let host = &guarded.machine.host;
    let script = format!(
        "mkfifo /tmp/go; : >/tmp/seen; chmod 666 /tmp/go /tmp/seen; for i in $(seq {TOGETHER}); do \
         su {name} -s /bin/bash -c 'cd \"$XDG_RUNTIME_DIR\" && touch $$ && stat -c \"%n %d %i %u %a\" $PWD >>/tmp/seen || \
         echo no directory >>/tmp/seen; read </tmp/go' & done; wait"
    );
    let logins = host.spawn(&["bash", "-c", &script]);
    let count = usize::try_from(TOGETHER).expect("a count");
    let mut seen = Vec::new();
    wait_until(Duration::from_secs(60), "all are logged in", || {
        assert!(!logins.is_over(), "they ended: {}", logins.stderr());
        seen = host.run_ok(&["sh", "-c", "cat /tmp/seen || true"]).lines().map(str::to_owned).collect();
        seen.len() == count
    });
    let mounts = host.run_ok(&["sh", "-c", "grep -o ' /run/user/[0-9]* ' /proc/mounts | sort | uniq -d"]);
    assert_eq!(mounts, "", "mounts upon each other");
    // By a descriptor that stays open, so that whoever reads late is not kept waiting.
    host.run_ok(&[
        "bash",
        "-c",
        "exec 3<>/tmp/go; while pgrep -x su >/dev/null; do echo >&3; done; rm /tmp/go /tmp/seen",
    ]);
    seen
}

#[test]
fn first_logins_at_the_same_time_share_one_directory() {
    for kind in ["tmpfs", "directory"] {
        let guarded = Guarded::up_kind(kind);
        for _ in 0..2 {
            let mut seen = at_once(&guarded, "alice");
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 1, "{seen:?}");
            assert!(seen[0].starts_with("/run/user/2001 ") && seen[0].ends_with(" 2001 700"), "{seen:?}");
            guarded.machine.await_nothing_left();
        }
        guarded.assert_gone_and_unharmed();
    }
}

#[test]
fn first_logins_of_many_users_have_one_each() {
    for kind in ["tmpfs", "directory"] {
        let guarded = Guarded::up_kind(kind);
        let make = format!(
            "for i in $(seq {TOGETHER}); do uid=$(({FIRST_UID} + i - 1)); \
             echo \"many$i:x:$uid:$uid::/:/bin/bash\" >>/etc/passwd; echo \"many$i:*:19000:0:99999:7:::\" >>/etc/shadow; done"
        );
        guarded.machine.host.run_ok(&["bash", "-c", &make]);
        let mut seen = at_once(&guarded, "many$i");
        seen.sort_unstable();
        for (line, uid) in seen.iter().zip(FIRST_UID..) {
            assert!(line.starts_with(&format!("/run/user/{uid} ")), "{line}");
            assert!(line.ends_with(&format!(" {uid} 700")), "{line}");
        }
        guarded.assert_gone_and_unharmed();
    }
}
