//! Files that cannot be written: that is told, costs no login, and heals.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ck_tests::siege::{attack, install};
use ck_tests::{ALICES, Kind, Machine, Options, Suite, wait_until};
use rustix::process::Signal;

use super::{SOON, files, machine};

/// From a try to the next one, and some.
const NEXT_TRY: Duration = Duration::from_secs(40);

fn status(machine: &Machine) -> String {
    machine.host.run_ok(&["ckctl", "status"])
}

/// Prepares a machine by a script, starts the broker, and waits until the status says `problem`. A login works meanwhile. When the
/// `mend` was done, all is well by itself.
fn is_told_and_heals(prepare: &str, problem: &str, mend: &str) {
    let mut machine = Machine::installed_on(Options::default().suite(Suite::Trixie).kind(Kind::Plain));
    machine.host.run_ok(&["sh", "-ec", prepare]);
    machine.start_broker(&[]);
    let login = machine.host.spawn(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR; sleep 1000"]);
    wait_until(SOON, "the login works", || login.stdout() == format!("{ALICES}\n"));
    wait_until(SOON, problem, || status(&machine).contains(problem));
    // It is tried again and again, and told once.
    sleep(Duration::from_secs(2));
    assert_eq!(machine.broker().stderr().matches("sessions are not published: ").count(), 1);
    assert!(
        machine.broker().stderr().contains("sessions are not published: "),
        "{}",
        machine.broker().stderr()
    );
    machine.host.run_ok(&["sh", "-ec", mend]);
    wait_until(NEXT_TRY, "all is well", || status(&machine).contains("all is well"));
    assert!(files(&machine, "sessions").contains(&"1".to_owned()) && files(&machine, "users") == ["2001"]);
    drop(login);
    machine.await_nothing_left();
    assert!(!files(&machine, "sessions").contains(&"1".to_owned()));
}

#[test]
fn a_file_of_somebody_else_is_kept() {
    is_told_and_heals(
        "mkdir -p /run/systemd/sessions && echo UID=0 >/run/systemd/sessions/1",
        "/run/systemd/sessions/1 belongs to another program: remove it",
        "[ $(cat /run/systemd/sessions/1) = UID=0 ] && rm /run/systemd/sessions/1",
    );
}

#[test]
fn a_read_only_place() {
    is_told_and_heals(
        "mkdir -p /run/systemd && mount -t tmpfs -o ro,mode=755 none /run/systemd",
        "cannot make /run/systemd/sessions: Read-only file system",
        "mount -o remount,rw /run/systemd",
    );
}

#[test]
fn a_full_place() {
    is_told_and_heals(
        "mkdir -p /run/systemd && mount -t tmpfs -o nr_inodes=3,mode=755 none /run/systemd",
        "cannot write /run/systemd/sessions/1: No space left on device",
        "mount -o remount,nr_inodes=100 /run/systemd",
    );
}

#[test]
fn a_link() {
    is_told_and_heals(
        "mkdir /srv/else && rm -rf /run/systemd && ln -s /srv/else /run/systemd",
        "cannot open /run/systemd: ",
        "[ -z \"$(ls -A /srv/else)\" ] && rm /run/systemd",
    );
}

#[test]
fn a_file_in_the_place_of_the_directory() {
    is_told_and_heals(
        "rm -rf /run/systemd && echo theirs >/run/systemd",
        "cannot open /run/systemd: Not a directory",
        "[ $(cat /run/systemd) = theirs ] && rm /run/systemd",
    );
}

#[test]
fn a_place_that_is_not_roots() {
    is_told_and_heals(
        "mkdir -p /run/systemd && chown alice /run/systemd",
        "/run/systemd does not belong to root alone: correct its owner and mode",
        "[ -z \"$(ls -A /run/systemd)\" ] && chown root /run/systemd",
    );
}

#[test]
fn a_directory_that_is_not_roots() {
    is_told_and_heals(
        "mkdir -p /run/systemd/sessions && chown alice /run/systemd/sessions",
        "/run/systemd/sessions does not belong to root alone: correct its owner and mode",
        "chown root /run/systemd/sessions",
    );
}

/// Who removes them costs no login anything, and the next change brings them back.
#[test]
fn directories_that_somebody_removes() {
    let machine = machine();
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its file", || files(&machine, "sessions") == ["1"]);
    machine.host.run_ok(&["rm", "-r", "/run/systemd/sessions", "/run/systemd/users"]);
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    wait_until(SOON, "it is told", || status(&machine).contains("cannot write /run/systemd/sessions/2: "));
    wait_until(NEXT_TRY, "all is well", || status(&machine).contains("all is well"));
    assert_eq!(
        (files(&machine, "sessions"), files(&machine, "users")),
        (vec!["1".into()], vec!["2001".into()])
    );
}

#[test]
fn the_process_that_writes_is_replaced() {
    let machine = machine();
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "its file", || files(&machine, "sessions") == ["1"]);
    machine.host.run_ok(&["pkill", "-9", "-x", "ck-publish"]);
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    wait_until(NEXT_TRY, "another one", || status(&machine).contains("all is well"));
    assert_eq!(
        (files(&machine, "sessions"), files(&machine, "users")),
        (vec!["1".into()], vec!["2001".into()])
    );
}

/// Everybody can read the directories, and so hold their locks.
#[test]
fn a_directory_that_a_user_holds() {
    let machine = machine();
    let host = &machine.host;
    install(&machine, env!("CARGO_BIN_EXE_attack"));
    let held = attack(host, &["hold", "/run/systemd/sessions"]);
    let bob = host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    machine.await_sessions(1);
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), ALICES);
    }
    // A login waits 0.1 s at most, and only the first one that cannot be written at once.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    wait_until(SOON, "it is told", || status(&machine).contains("waits for /run/systemd: somebody holds it"));
    assert!(!machine.broker().stderr().contains("error"), "{}", machine.broker().stderr());
    drop(held);
    wait_until(SOON, "all is well", || status(&machine).contains("all is well"));
    wait_until(SOON, "the files are right", || {
        files(&machine, "users") == ["2002"] && files(&machine, "sessions") == ["1"]
    });
    bob.signal(Signal::TERM);
    drop(bob);
    machine.await_nothing_left();
    wait_until(SOON, "nothing is left", || files(&machine, "sessions").is_empty());
}

/// What a broker has ordered before its end is not carried out after it, when the next one has ordered anew.
#[test]
fn a_directory_that_a_user_holds_when_the_broker_is_replaced() {
    let mut machine = machine();
    install(&machine, env!("CARGO_BIN_EXE_attack"));
    let held = attack(&machine.host, &["hold", "/run/systemd/sessions", "/run/systemd/users"]);
    let alice = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    machine.await_sessions(1);
    let bob = machine.host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    machine.await_sessions(2);
    machine.broker().signal(Signal::KILL);
    machine.broker = None;
    alice.signal(Signal::KILL);
    drop(alice);
    machine.start_broker(&[]);
    machine.await_sessions(1);
    wait_until(SOON, "both wait", || machine.host.run_ok(&["pgrep", "-xc", "ck-publish"]) == "2");
    drop(held);
    wait_until(SOON, "one is left", || machine.host.run_ok(&["pgrep", "-xc", "ck-publish"]) == "1");
    wait_until(SOON, "the files are right", || {
        files(&machine, "users") == ["2002"] && files(&machine, "sessions") == ["2"]
    });
    assert!(status(&machine).contains("all is well"), "{}", status(&machine));
    drop(bob);
}

/// More orders than fit into the socket are under way when nothing is to be published any longer.
#[test]
fn what_is_switched_off_while_a_user_holds_the_directory() {
    let machine = machine();
    let host = &machine.host;
    install(&machine, env!("CARGO_BIN_EXE_attack"));
    let _bob = host.spawn(&["su", "bob", "-c", "sleep 1000"]);
    wait_until(SOON, "his file", || files(&machine, "sessions") == ["1"]);
    let held = attack(host, &["hold", "/run/systemd/sessions", "/run/systemd/users"]);
    host.run_ok(&["sh", "-c", "for i in $(seq 200); do su alice -c true; done"]);
    host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    host.write_file("/etc/ck/broker.toml", "[compat]\nsd_login = \"off\"\n", 0o644);
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "it is read", || machine.broker().stderr().contains("configuration"));
    drop(held);
    wait_until(SOON, "nothing is left", || {
        files(&machine, "sessions").is_empty() && files(&machine, "users").is_empty()
    });
    wait_until(SOON, "the process ends", || host.run(&["pgrep", "-x", "ck-publish"]).stdout.is_empty());
}
