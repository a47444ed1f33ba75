//! FUSE file systems of the user's, in the runtime directory and over it: private ones, ones for everybody, and such
//! whose server is dead or never answers.

use std::time::Duration;

use ck_tests::{Guarded, Running, wait_until};
use rustix::process::Signal;

use super::{assert_nobody_waits, assert_sleeps, install, promptly};

const SERVER: &str = env!("CARGO_BIN_EXE_fuse-server");
const SOON: Duration = Duration::from_secs(10);
/// In her directory, and the directory itself.
const PLACES: [&str; 2] = ["/run/user/2001/gvfs", "/run/user/2001"];
/// What `fuse-server` can do; `dead` is one that is gone as soon as the file system is mounted.
const SERVERS: [&str; 3] = ["dead", "hung", "silent"];

/// Mounts a file system on `place` on alice's behalf, as the set-uid fusermount would, and runs its server as alice.
/// Where it is to hang, two processes of hers already wait for it.
fn mount(guarded: &Guarded, place: &str, server: &str, options: &str) -> Vec<Running> {
    let host = &guarded.machine.host;
    let mount = format!(
        "mount -i -t fuse -o nosuid,nodev,fd=0,rootmode=40700,user_id=2001,group_id=2001{options} {server} {place} 0<>/dev/fuse"
    );
    if server == "dead" {
        host.run_ok(&["bash", "-c", &mount]);
        return Vec::new();
    }
    let as_alice = ["setpriv", "--reuid=2001", "--regid=2001", "--clear-groups"];
    let serve = format!(
        "exec 0<>/dev/fuse; {} && exec {} fuse-server {server}",
        mount.trim_end_matches(" 0<>/dev/fuse"),
        as_alice.join(" ")
    );
    let mut running = vec![host.spawn(&["bash", "-c", &serve])];
    wait_until(SOON, "the mount and its server", || {
        assert!(!running[0].is_over(), "no server: {}", running[0].stderr());
        host.read_file("/proc/1/mounts").contains(&format!("{server} {place} fuse"))
            && host.run(&["pgrep", "-x", "fuse-server"]).status.success()
    });
    for waits in [format!("ls {place}"), format!("stat -f {place}")] {
        running.push(host.spawn(&[&as_alice[..], &["sh", "-c", &waits]].concat()));
    }
    running
}

fn hang(kind: &str) {
    let guarded = Guarded::up_kind(kind);
    let host = &guarded.machine.host;
    install(&guarded.machine, SERVER);
    for place in PLACES {
        for server in SERVERS {
            for options in ["", ",allow_other"] {
                let login = guarded.log_in("mkdir gvfs d; touch d/file");
                let mut processes = mount(&guarded, place, server, options);
                // Her second session meets it alive.
                promptly(host, &["su", "alice", "-c", "true"]);
                login.log_out();
                assert_nobody_waits(&guarded.machine);
                guarded.machine.await_nothing_left();
                // What waits for the server ends with it.
                if let Some(server) = processes.first() {
                    server.signal(Signal::KILL);
                }
                wait_until(SOON, "nobody waits", || processes.iter().all(Running::is_over));
                processes.clear();
            }
        }
    }
    guarded.assert_gone_and_unharmed();
    assert_sleeps(&guarded);
}

#[test]
fn whatever_its_server_does_over_a_tmpfs() {
    hang("tmpfs");
}

#[test]
fn whatever_its_server_does_over_a_plain_directory() {
    hang("directory");
}

/// Without any help of root's, FUSE can be mounted in a namespace of one's own.
#[test]
fn one_that_hangs_in_a_namespace_of_the_users() {
    for kind in ["tmpfs", "directory"] {
        let guarded = Guarded::up_kind(kind);
        install(&guarded.machine, SERVER);
        let login = guarded.log_in(
            "mkdir gvfs; cat >mount <<'END'
exec 0<>/dev/fuse
mount -i -t fuse -o fd=0,rootmode=40700,user_id=0,group_id=0 hung $XDG_RUNTIME_DIR/gvfs && exec fuse-server silent
END
unshare --user --map-root-user --mount bash mount &
until pgrep -x fuse-server >/dev/null; do sleep 0.01; done",
        );
        login.log_out();
        assert_nobody_waits(&guarded.machine);
        guarded.machine.await_nothing_left();
        wait_until(SOON, "its server is gone with it", || {
            !guarded.machine.host.run(&["pgrep", "-x", "fuse-server"]).status.success()
        });
        guarded.assert_gone_and_unharmed();
    }
}
