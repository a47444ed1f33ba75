//! A broker that takes over from the release before, whose places were directories of /run: under sessions that go on.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use ck_tests::{Guarded, Machine, wait_until};
use rustix::process::Signal;

const SOON: Duration = Duration::from_secs(10);
/// Who is logged in meanwhile.
const USERS: [(&str, &str); 2] = [("alice", "2001"), ("bob", "2002")];

/// Leaves all as that release had it: `$1` is the kind of the directories. The records are the same.
const AS_BEFORE: &str = r#"
set -e
users=$(ls /run/ck-broker/state/users)
mkdir -p /old && cp -a /run/ck-broker/state/sessions /run/ck-broker/state/next-id /old
mount --make-private /run/user
for user in $users; do
    if [ $1 = tmpfs ]; then
        mkdir /old/$user && mount --bind /run/user/$user /old/$user
    else
        cp -a /run/user/$user /old/$user
    fi
done
umount -R -l /run/user
umount -l /run/ck-broker
rm -rf /run/user /run/ck-broker
mkdir -m 755 /run/user /run/ck-broker
mkdir -m 700 /run/user/.ck-retired /run/ck-broker/users
cp -a /old/sessions /old/next-id /run/ck-broker
: >/run/ck-broker/lock
for user in $users; do
    if [ $1 = tmpfs ]; then
        mkdir -m 700 /run/user/$user && mount --bind /old/$user /run/user/$user && umount /old/$user
        mountpoint -d /run/user/$user >/run/ck-broker/users/$user
    else
        cp -a /old/$user /run/user/$user && : >/run/ck-broker/users/$user
    fi
done
# What it had retired, and did not see torn down.
mkdir /run/user/.ck-retired/2003-7 && echo x >/run/user/.ck-retired/2003-7/file && chown -R 2003 /run/user/.ck-retired/2003-7
rm -rf /old
"#;

fn modes(machine: &Machine) -> [Option<u32>; 3] {
    ["/run/user", "/run/ck-broker", "/run/ck-broker/state"]
        .map(|place| machine.host.metadata(place).map(|found| found.mode() & 0o7777))
}

fn take_over(kind: &str, shared: bool) {
    let mut guarded = Guarded::up_kind(kind);
    let machine = &mut guarded.machine;
    if shared {
        machine.host.run_ok(&["mount", "--make-rshared", "/"]);
    }
    let script = "cd $XDG_RUNTIME_DIR; echo $XDG_SESSION_ID >mine; exec sleep 60";
    let logins = USERS.map(|(name, uid)| {
        let login = machine.host.spawn(&["su", name, "-c", script]);
        let mine = format!("/run/user/{uid}/mine");
        wait_until(SOON, "the login", || machine.host.metadata(&mine).is_some_and(|mine| mine.size() > 0));
        login
    });
    let before = machine.sessions();
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(Signal::TERM);
    assert!(broker.wait(SOON).expect("it ends").success());
    machine.host.run_ok(&["sh", "-c", AS_BEFORE, "sh", kind]);
    assert_eq!(modes(machine), [Some(0o755), Some(0o755), None]);

    machine.start_broker(&[]);
    assert_eq!(modes(machine), [Some(0o711), Some(0o711), Some(0o700)]);
    assert_eq!(machine.sessions(), before);
    assert_eq!(machine.host.run_ok(&["ckctl", "status", "--json"]).matches("\"problems\": []").count(), 1);
    for (name, uid) in USERS {
        let look = "cat $XDG_RUNTIME_DIR/mine; touch $XDG_RUNTIME_DIR/new; stat -c %U:%a $XDG_RUNTIME_DIR";
        let told = machine.host.run_ok(&["su", name, "-c", look]);
        let id = before.iter().find(|session| session["user"] == name).expect("a session")["id"].clone();
        assert_eq!(told, format!("{}\n{name}:700", id.as_str().expect("text")), "{uid}");
    }
    // Once more: what was taken over is as it should be for the next one, too.
    machine.broker().signal(Signal::KILL);
    machine.start_broker(&[]);
    assert_eq!(machine.sessions(), before);
    drop(logins);
    machine.await_nothing_left();
    let log = machine.broker().stderr();
    assert!(!log.contains("error"), "{log}");
}

#[test]
fn tmpfses_are_taken_over_under_live_sessions() {
    take_over("tmpfs", false);
}

#[test]
fn tmpfses_are_taken_over_where_the_root_is_shared() {
    take_over("tmpfs", true);
}

#[test]
fn plain_directories_are_taken_over_under_live_sessions() {
    take_over("directory", false);
}

#[test]
fn plain_directories_are_taken_over_where_the_root_is_shared() {
    take_over("directory", true);
}

/// Whoever upgrades may forget to stop it.
#[test]
fn a_broker_of_the_release_before_that_runs_is_not_hidden() {
    let mut guarded = Guarded::up_kind("tmpfs");
    let machine = &mut guarded.machine;
    let mut broker = machine.broker.take().expect("a broker");
    broker.signal(Signal::TERM);
    assert!(broker.wait(SOON).expect("it ends").success());
    machine.host.run_ok(&["sh", "-c", AS_BEFORE, "sh", "tmpfs"]);
    let hold = "use Fcntl; open L, '+<', '/run/ck-broker/lock' or die; print L \"4711\\n\"; L->flush; \
                my $l = pack('ssx4qqix4', F_WRLCK, 0, 0, 0, 0); fcntl(L, F_SETLK, $l) or die; print STDERR 'held'; sleep 60";
    let holder = machine.host.spawn(&["perl", "-MIO::Handle", "-e", hold]);
    wait_until(SOON, "the lock is held", || holder.stderr().contains("held"));
    let refused = machine.host.run(&["/usr/sbin/ck-broker"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        refused.stderr.contains("another ck-broker (pid 4711) runs on /run/ck-broker"),
        "{}",
        refused.stderr
    );
    assert_eq!(modes(machine), [Some(0o755), Some(0o755), None]);
}
