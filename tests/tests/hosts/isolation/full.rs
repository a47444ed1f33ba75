//! Places that are full, or read-only: logins go on, with a word in the log, and nothing half-made stays.

use std::time::Duration;

use ck_tests::{ALICES, Guarded, wait_until};

use super::{assert_nobody_waits, promptly};

const NO_INODES: &str = "for f in /run/user /run/ck-broker; do \
                         mount -o remount,nr_inodes=$(($(stat -f -c %c-%d $f))) $f; done";
const NO_BLOCKS: &str = "for f in /run/user /run/ck-broker; do \
                         mount -o remount,size=$((($(stat -f -c %b-%f $f))*$(stat -f -c %S $f))) $f; done";
const ROOM: &str =
    "for f in /run/user /run/ck-broker; do mount -o remount,size=50%,nr_inodes=1000000 $f; done";
const LOGIN: &str = "echo $XDG_RUNTIME_DIR; [ -z \"$XDG_RUNTIME_DIR\" ] || { cd $XDG_RUNTIME_DIR && ls -A; }";
/// Longer than the broker waits before it tries again.
const SOON: Duration = Duration::from_secs(30);
const KINDS: [&str; 2] = ["tmpfs", "directory"];

fn sh(guarded: &Guarded, script: &str) -> String {
    guarded.machine.host.run_ok(&["sh", "-c", script])
}

/// Logs alice in and out; returns what she was told. The broker says that it `lacks` something.
fn login_without_room(guarded: &Guarded, lacks: &str) -> String {
    let before = guarded.machine.broker().stderr().len();
    let told = promptly(&guarded.machine.host, &["su", "alice", "-c", LOGIN]);
    assert!(told.is_empty() || told == ALICES, "{told}");
    let log = guarded.machine.broker().stderr();
    assert!(log[before..].contains(lacks), "no word about it: {}", &log[before..]);
    told
}

#[test]
fn logins_go_on_without_room() {
    for kind in KINDS {
        let guarded = Guarded::up_kind(kind);
        for (fill, directory) in [(NO_INODES, false), (NO_BLOCKS, true)] {
            sh(&guarded, fill);
            let told = login_without_room(&guarded, "No space left on device");
            // Where there is an inode, there is a directory.
            assert_eq!(!told.is_empty(), directory, "{kind}: {fill}");
            guarded.machine.await_nothing_left();
            promptly(&guarded.machine.host, &["ssh", "bob@127.0.0.1", "true"]);
            guarded.machine.await_nothing_left();
            sh(&guarded, ROOM);
            assert_nobody_waits(&guarded.machine);
        }
        guarded.assert_gone_and_unharmed();
    }
}

#[test]
fn a_logout_needs_no_room() {
    for kind in KINDS {
        let guarded = Guarded::up_kind(kind);
        let login =
            guarded.log_in("mkdir -p a/b c; for i in {1..500}; do touch a/$i a/b/$i c/$i; done; chmod 0 a/b");
        // Without the session's record, whose end would make room for one file more. The root no user can fill, but with plain
        // directories.
        let full = format!("rm /run/ck-broker/state/sessions/*; {NO_INODES}; {NO_BLOCKS}");
        let full = if kind == "tmpfs" { full.replace("/run/user /run", "/run") } else { full };
        sh(&guarded, &full);
        login.log_out();
        assert!(!guarded.machine.has_alices());
        guarded.machine.await_nothing_left();
        sh(&guarded, ROOM);
        assert_nobody_waits(&guarded.machine);
        guarded.assert_gone_and_unharmed();
    }
}

/// Plain directories share the file system with everybody's: what one user fills, all lack.
#[test]
fn a_user_who_fills_it_keeps_nobody_out() {
    let guarded = Guarded::up_kind("directory");
    sh(
        &guarded,
        "mount -o remount,size=$((($(stat -f -c %b-%f /run/user))*$(stat -f -c %S /run/user)+20971520)) /run/user",
    );
    let login = guarded.log_in("head -c 30M /dev/zero >large; mkdir d; touch d/1");
    assert_eq!(sh(&guarded, "stat -f -c %f /run/user"), "0");
    promptly(&guarded.machine.host, &["su", "bob", "-c", "true"]);
    login.log_out();
    guarded.machine.await_nothing_left();
    assert_nobody_waits(&guarded.machine);
    guarded.assert_gone_and_unharmed();
}

/// (The state directory's file system itself cannot become so while the broker holds its lock.)
const READ_ONLY: &str = "mount -o remount,ro /run/user && mount --bind /run/ck-broker /run/ck-broker && \
                         mount -o remount,bind,ro /run/ck-broker";
const WRITABLE: &str = "mount -o remount,rw /run/user && umount /run/ck-broker";

#[test]
fn logins_go_on_where_it_is_read_only() {
    for kind in KINDS {
        let guarded = Guarded::up_kind(kind);
        sh(&guarded, READ_ONLY);
        assert_eq!(login_without_room(&guarded, "Read-only file system"), "");
        promptly(&guarded.machine.host, &["ssh", "bob@127.0.0.1", "true"]);
        promptly(&guarded.machine.host, &["ckctl", "status"]);
        sh(&guarded, WRITABLE);
        guarded.machine.await_nothing_left();
        assert_nobody_waits(&guarded.machine);
        guarded.assert_gone_and_unharmed();
    }
}

#[test]
fn a_logout_where_it_is_read_only_is_made_up_for() {
    for kind in KINDS {
        let guarded = Guarded::up_kind(kind);
        let login = guarded.log_in("mkdir a; touch a/file");
        sh(&guarded, READ_ONLY);
        login.log_out();
        promptly(&guarded.machine.host, &["su", "bob", "-c", "true"]);
        sh(&guarded, WRITABLE);
        assert_nobody_waits(&guarded.machine);
        guarded.assert_gone_and_unharmed();
    }
}

fn status(guarded: &Guarded) -> String {
    promptly(&guarded.machine.host, &["ckctl", "status"])
}

/// The records of sessions, in the state directory: nobody has to log in or out, or to start the broker again, for them.
#[test]
fn a_session_without_a_record_is_told_and_has_one_when_there_is_room() {
    let full = NO_BLOCKS.replace("/run/user ", "");
    let read_only = READ_ONLY.replace("mount -o remount,ro /run/user && ", "");
    for (hinder, mend, why) in [
        (&full[..], ROOM, "No space left on device"),
        (&read_only, "umount /run/ck-broker", "Read-only file system"),
    ] {
        let mut guarded = Guarded::up("");
        sh(&guarded, hinder);
        // The claim of a directory needs a place for its name, but no room. root has none.
        let user = if mend == ROOM { "alice" } else { "root" };
        let held = guarded.machine.host.spawn(&["su", user, "-c", "sleep 100"]);
        guarded.machine.await_sessions(1);
        let told = status(&guarded);
        let line = "sessions that would not survive a restart of ck-broker: 1: ";
        assert!(told.contains(line) && told.contains(why) && !told.contains("all is well"), "{told}");
        sh(&guarded, mend);
        wait_until(SOON, "all is well", || status(&guarded).contains("all is well"));
        let session = guarded.machine.session();
        let mut broker = guarded.machine.broker.take().expect("a broker");
        broker.signal(rustix::process::Signal::KILL);
        assert!(broker.wait(SOON).is_some());
        guarded.machine.start_broker(&[]);
        assert_eq!(guarded.machine.session(), session);
        drop(held);
        guarded.machine.await_nothing_left();
    }
}

/// One that has ended needs none.
#[test]
fn a_session_that_ends_without_a_record_is_forgotten() {
    let guarded = Guarded::up("");
    sh(&guarded, &NO_BLOCKS.replace("/run/user ", ""));
    let login = guarded.log_in("");
    assert!(status(&guarded).contains("would not survive"), "{}", status(&guarded));
    login.log_out();
    assert!(status(&guarded).contains("all is well"), "{}", status(&guarded));
    sh(&guarded, ROOM);
    guarded.assert_gone_and_unharmed();
}

/// The records of who lingers.
#[test]
fn that_nobody_can_be_written_down_to_linger_is_told_while_it_is_so() {
    const LINGER: &str = "/var/lib/ck/linger";
    let mut machine = ck_tests::Machine::installed();
    let host = "mkdir -p /var/lib/ck; mount -t tmpfs -o mode=755,size=1m none /var/lib/ck";
    machine.host.run_ok(&["sh", "-c", host]);
    machine.start_broker(&[]);
    let status = || machine.host.run_ok(&["ckctl", "status"]);
    for (hinder, mend, why) in [
        ("mount -o remount,ro /var/lib/ck", "mount -o remount,rw /var/lib/ck", "Read-only file system"),
        (
            "head -c 2M /dev/zero >/var/lib/ck/full; [ -s /var/lib/ck/full ]",
            "rm /var/lib/ck/full",
            "No space left on device",
        ),
    ] {
        assert!(status().contains("all is well"), "{}", status());
        machine.host.run_ok(&["sh", "-c", hinder]);
        let line = format!("who lingers cannot be changed: {LINGER}: {why}");
        assert!(status().contains(&line), "{}", status());
        let refused = machine.host.run(&["ckctl", "linger", "on", "alice"]);
        assert!(!refused.status.success() && refused.stderr.contains(why), "{refused:?}");
        assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
        machine.host.run_ok(&["sh", "-c", mend]);
        assert!(status().contains("all is well"), "{}", status());
    }
    machine.host.run_ok(&["ckctl", "linger", "on", "alice"]);
    machine.host.run_ok(&["ckctl", "linger", "off", "alice"]);
    machine.await_nothing_left();
}
