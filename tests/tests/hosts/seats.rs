//! Seats and virtual terminals: on files that behave as the kernel's in sysfs and in /dev, and on the real ones.

use std::path::Path;
use std::time::Duration;

use ck_tests::children::{Child, by_bad_shell};
use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;
use serde_json::Value;

const SOON: Duration = Duration::from_secs(10);
const ACTIVE: &str = "/sys/class/tty/tty0/active";
/// The host's own, and like sysfs's file it wakes who polls it (proc_sys_poll of Linux): what `domainname` says.
const FAKE: &str = "/proc/sys/kernel/domainname";
/// Who is asked to switch.
const CONSOLE: &str = "/dev/tty0";
const SWITCHER: &str = "ck-switch-vt";

/// A machine whose foreground terminal is what [`foreground`] says, and on which asking to switch does that; and the server of its
/// console.
pub(crate) fn machine(toml: &str) -> (Machine, Running) {
    machine_by(&["/usr/sbin/ck-broker"], toml)
}

/// The same, the broker started by another command.
fn machine_by(command: &[&str], toml: &str) -> (Machine, Running) {
    let mut machine = without_vts(toml);
    machine.host.run_ok(&["mkdir", "-p", "/sys/class/tty/tty0"]);
    machine.host.write_file(ACTIVE, "", 0o644);
    machine.host.run_ok(&["mount", "--bind", FAKE, ACTIVE]);
    let console = console(&machine);
    foreground(&machine, 1);
    machine.start_broker_by(command, &[]);
    (machine, console)
}

/// Mounts a file on the console that switches as asked; returns its server.
fn console(machine: &Machine) -> Running {
    const SERVER: &str = "/usr/local/bin/fuse-server";
    machine.host.write_file(SERVER, std::fs::read(env!("CARGO_BIN_EXE_fuse-server")).expect("it"), 0o755);
    let serve = format!(
        "touch {CONSOLE}; exec 0<>/dev/fuse; \
         mount -i -t fuse -o fd=0,rootmode=100600,user_id=0,group_id=0 console {CONSOLE} && exec {SERVER} console {FAKE}"
    );
    let server = machine.host.spawn(&["bash", "-c", &serve]);
    wait_until(SOON, "the console and its server", || {
        assert!(!server.is_over(), "no server: {}", server.stderr());
        machine.host.run(&["pgrep", "-x", "fuse-server"]).status.success()
    });
    server
}

/// One without virtual terminals, and without a broker.
fn without_vts(toml: &str) -> Machine {
    let machine = Machine::installed();
    machine.host.run_ok(&["mount", "-t", "tmpfs", "tmpfs", "/sys"]);
    machine.install_application("login-on", "session required pam_ck.so\n");
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine
}

pub(crate) fn foreground(machine: &Machine, vt: u8) {
    machine.host.run_ok(&["sh", "-c", &format!("echo tty{vt} >{FAKE}")]);
}

/// A login on a terminal that stands; what the session's environment is comes on its standard output.
pub(crate) fn login(machine: &Machine, user: &str, tty: &str) -> Running {
    let before = machine.sessions().len();
    let tty = format!("tty={tty}");
    let words = ["pam-application", "login-on", user, &tty, "open", "env", "await", "/tmp/never"];
    let login = machine.host.spawn(&words);
    machine.await_sessions(before + 1);
    login
}

fn states(machine: &Machine) -> Vec<String> {
    machine.sessions().iter().map(|session| session["state"].as_str().expect("a state").to_owned()).collect()
}

fn await_states(machine: &Machine, expected: &[&str]) {
    wait_until(SOON, &format!("{expected:?}"), || states(machine) == expected);
}

/// Each seat's name and active session.
fn seats(machine: &Machine) -> Vec<(String, Value)> {
    let listed: Vec<Value> =
        serde_json::from_str(&machine.host.run_ok(&["ckctl", "seats", "--json"])).expect("an array");
    let name = |seat: &Value| seat["id"].as_str().expect("a name").to_owned();
    listed.iter().map(|seat| (name(seat), seat["active"].clone())).collect()
}

#[test]
fn a_session_is_active_while_its_terminal_is_in_the_foreground() {
    let (machine, _console) = machine("");
    assert_eq!(seats(&machine), [("seat0".to_owned(), Value::Null)]);
    let first = login(&machine, "alice", "/dev/tty1");
    wait_until(SOON, "the environment", || first.stdout().contains("XDG_SEAT=seat0"));
    let _second = login(&machine, "bob", "tty2");
    let _remote = login(&machine, "alice", "ssh");
    let session = &machine.sessions()[1];
    assert_eq!((&session["seat"], &session["vt"]), (&"seat0".into(), &2.into()));
    assert_eq!(states(&machine), ["active", "online", "active"]);
    foreground(&machine, 2);
    await_states(&machine, &["online", "active", "active"]);
    assert_eq!(seats(&machine), [("seat0".to_owned(), "2".into())]);
    foreground(&machine, 5);
    await_states(&machine, &["online", "online", "active"]);
    assert_eq!(seats(&machine), [("seat0".to_owned(), Value::Null)]);
    let log = machine.broker().stderr();
    let told: Vec<&str> =
        log.lines().filter(|line| line.ends_with(" active") || line.ends_with(" online")).collect();
    let expected = [
        "seat0: session 1 is active",
        "session 1 is online",
        "session 2 is active",
        "seat0: session 2 is active",
        "session 2 is online",
        "seat0: no session is active",
    ];
    assert_eq!(told, expected.map(|line| format!("ck-broker: {line}")));
    drop(first);
    foreground(&machine, 1);
    machine.await_sessions(2);
    assert_eq!(seats(&machine), [("seat0".to_owned(), Value::Null)]);
    // Nothing wakes it any more: looking at the file has made that quiet.
    let before = machine.broker_ticks();
    std::thread::sleep(Duration::from_secs(1));
    assert!(machine.broker_ticks() - before < 5, "it is busy");
}

#[test]
fn activate_switches_for_who_may() {
    let (mut machine, _console) = machine("");
    let _first = login(&machine, "alice", "tty1");
    let _second = login(&machine, "bob", "tty2");
    let _remote = login(&machine, "alice", "ssh");
    let activate = |machine: &Machine, user: &str, id: &str| {
        let output = machine.host.run(&["runuser", "-u", user, "--", "ckctl", "activate", id]);
        (output.status.code().expect("a status"), output.stderr)
    };
    assert_eq!(activate(&machine, "bob", "2"), (0, String::new()));
    await_states(&machine, &["online", "active", "active"]);
    assert_eq!(activate(&machine, "bob", "2").0, 0, "it is there already");
    for (user, id, word) in
        [("bob", "1", "only the owner"), ("alice", "3", "not on a virtual"), ("root", "99", "no session")]
    {
        let (code, told) = activate(&machine, user, id);
        assert!(code == 1 && told.contains(word), "{user} {id}: {told}");
    }
    await_states(&machine, &["online", "active", "active"]);
    assert_eq!(activate(&machine, "root", "1"), (0, String::new()));
    await_states(&machine, &["active", "online", "active"]);
    // A broker that comes after knows it as well.
    drop(machine.broker.take());
    foreground(&machine, 2);
    machine.start_broker(&[]);
    assert_eq!(states(&machine), ["online", "active", "active"]);
}

#[test]
fn a_switch_that_fails_or_hangs_is_told_and_holds_nobody_up() {
    let (machine, console) = machine_by(&by_bad_shell(&["/usr/sbin/ck-broker"]), "");
    let _login = login(&machine, "alice", "tty2");
    let activate = || machine.host.run(&["ckctl", "activate", "1"]);
    // Nobody takes the request, so that who made it can be killed (request_wait_answer of Linux).
    console.signal(Signal::STOP);
    let mut hanging = machine.host.spawn(&["ckctl", "activate", "1"]);
    assert_eq!(machine.child(SWITCHER), Child::clean_own(SWITCHER));
    let other = activate();
    assert!(other.stderr.contains("another switch"), "{}", other.stderr);
    machine.host.run_ok(&["su", "bob", "-c", "true"]);
    assert_eq!(hanging.wait(SOON).expect("an answer").code(), Some(1));
    assert!(hanging.stderr().contains("cannot switch: ck-switch-vt: signal: 9"), "{}", hanging.stderr());
    assert!(machine.children().iter().all(|child| child.state != 'Z'), "a zombie is left");
    console.signal(Signal::CONT);
    let done = activate();
    assert!(done.status.success(), "{}", done.stderr);
    foreground(&machine, 1);
    await_states(&machine, &["online"]);
    let fails = |how: &[&str], why: &str| {
        machine.host.run_ok(how);
        let failing = activate();
        assert_eq!(failing.status.code(), Some(1), "{how:?}");
        assert!(failing.stderr.contains(why), "{how:?}: {}", failing.stderr);
    };
    fails(&["umount", CONSOLE], "cannot switch to tty2: Inappropriate ioctl for device");
    fails(&["rm", CONSOLE], "cannot open /dev/tty0: No such file or directory");
    // It is the broker's own program, which cannot be executed any more.
    fails(&["chmod", "-x", "/usr/sbin/ck-broker"], "cannot switch to tty2: Permission denied");
}

#[test]
fn a_machine_without_virtual_terminals_has_no_seat() {
    let mut machine = without_vts("");
    machine.start_broker(&[]);
    assert_eq!(machine.host.run_ok(&["ckctl", "seats"]), "No seats.");
    let login = login(&machine, "alice", "tty2");
    let session = machine.session();
    assert_eq!(
        (&session["seat"], &session["vt"], &session["state"]),
        (&Value::Null, &Value::Null, &"active".into())
    );
    assert!(!login.stdout().contains("XDG_SEAT="));
}

#[test]
fn seats_of_the_configuration_have_their_terminals() {
    let (machine, _console) = machine("[seats.seat1]\nttys = [\"ttyS1\", \"ttyUSB0\"]\n");
    let _first = login(&machine, "alice", "/dev/ttyS1");
    assert_eq!(seats(&machine)[1], ("seat1".to_owned(), "1".into()));
    let second = login(&machine, "bob", "ttyUSB0");
    wait_until(SOON, "the environment", || second.stdout().contains("XDG_SEAT=seat1"));
    assert_eq!(states(&machine), ["online", "active"]);
    let _elsewhere = login(&machine, "bob", "ttyS2");
    assert_eq!(machine.sessions()[2]["seat"], Value::Null);
    drop(second);
    await_states(&machine, &["active", "active"]);
    assert_eq!(seats(&machine), [("seat0".to_owned(), Value::Null), ("seat1".to_owned(), "1".into())]);
    let refused = machine.host.run(&["ckctl", "activate", "1"]);
    assert!(refused.stderr.contains("not on a virtual terminal"), "{}", refused.stderr);
}

#[test]
fn hooks_are_told_of_seats_and_of_what_is_active_there() {
    let mut machine = without_vts("[seats.seat1]\nttys = [\"ttyS1\"]\n");
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-seat.d", "/etc/ck/run-session.d"]);
    let hook = "#!/bin/sh\necho $1 $CK_SEAT_ID $CK_SESSION_ID $CK_SEAT_OLD_SESSION_ID:$CK_SEAT_SESSION_ID >>/tmp/told\n";
    for directory in ["run-seat.d", "run-session.d"] {
        machine.host.write_file(&format!("/etc/ck/{directory}/note.ck"), hook, 0o755);
    }
    machine.start_broker(&[]);
    let first = login(&machine, "alice", "ttyS1");
    machine.await_sessions(1);
    let second = login(&machine, "bob", "ttyS1");
    await_states(&machine, &["online", "active"]);
    drop(second);
    await_states(&machine, &["active"]);
    drop(first);
    machine.await_nothing_left();
    let mut seats = Vec::new();
    wait_until(SOON, "all hooks have run", || {
        let told = machine.host.run_ok(&["cat", "/tmp/told"]);
        seats = told.lines().filter(|line| line.starts_with("seat_")).map(str::to_owned).collect();
        seats.len() >= 5
    });
    let active = "seat_active_session_changed seat1";
    let changes = [":1", "1:2", "2:1", "1:"].map(|change| format!("{active} {change}"));
    assert_eq!(seats[0].trim_end(), "seat_added seat1 :");
    assert_eq!(seats[1..], changes);
}

#[test]
fn who_may_not_see_a_session_does_not_see_it_on_its_seat() {
    let (machine, _console) = machine("[admin]\nlist = \"own\"\n");
    let _login = login(&machine, "alice", "tty1");
    let seat = |user: &str| {
        let listed = machine.host.run_ok(&["runuser", "-u", user, "--", "ckctl", "seats", "--json"]);
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        (listed[0]["active"].clone(), listed[0]["sessions"].clone())
    };
    assert_eq!(seat("alice"), ("1".into(), 1.into()));
    assert_eq!(seat("bob"), (Value::Null, 0.into()));
}

/// The kernel's own terminals: the broker sees which one is in the foreground, and a switch there and back.
#[test]
fn the_real_terminals_where_there_are_any() {
    if !Path::new(ACTIVE).exists() {
        return;
    }
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mknod", CONSOLE, "c", "4", "0"]);
    machine.start_broker(&[]);
    assert_eq!(seats(&machine)[0].0, "seat0");
    let number = |name: &str| name.trim().trim_start_matches("tty").parse::<u8>().expect("a number");
    let before = number(&machine.host.read_file(ACTIVE));
    machine.install_application("login-on", "session required pam_ck.so\n");
    let other = if before == 13 { 14 } else { 13 };
    let _here = login(&machine, "alice", &format!("tty{before}"));
    let _there = login(&machine, "bob", &format!("tty{other}"));
    assert_eq!(states(&machine), ["active", "online"]);
    let switched = machine.host.run(&["ckctl", "activate", "2"]);
    assert!(switched.status.success(), "{}{}", switched.stderr, machine.broker().stderr());
    await_states(&machine, &["online", "active"]);
    machine.host.run_ok(&["ckctl", "activate", "1"]);
    await_states(&machine, &["active", "online"]);
    assert_eq!(number(&machine.host.read_file(ACTIVE)), before);
}

/// A container sees the terminals of its host in sysfs. Its own `tty1` is a pseudo-terminal, and its foreground none of ours.
#[test]
fn a_pseudo_terminal_that_is_called_tty1_is_none_of_seat0() {
    let tty1 = "exec 3<>/dev/ptmx; perl -e 'ioctl(STDIN, 0x40045431, pack(\"i\", 0)) or die' <&3; \
                pty=/dev/pts/$(perl -e 'my $n = pack(\"i\", 0); ioctl(STDIN, 0x80045430, $n) or die; print unpack(\"i\", $n)' <&3); \
                touch /dev/tty1; mount --bind $pty /dev/tty1; exec sleep 1000";
    // Without /dev/tty0 there are no virtual terminals at all.
    let mut machine = without_vts("");
    machine.host.run_ok(&["mkdir", "-p", "/sys/class/tty/tty0"]);
    machine.host.write_file(ACTIVE, "tty1\n", 0o644);
    machine.host.run_ok(&["rm", "-f", CONSOLE]);
    let _terminal = machine.host.spawn(&["sh", "-c", tty1]);
    wait_until(SOON, "the terminal", || machine.host.run(&["test", "-c", "/dev/tty1"]).status.success());
    machine.start_broker(&[]);
    assert_eq!(seats(&machine), []);
    let _login = login(&machine, "alice", "tty1");
    let session = machine.session();
    assert_eq!(
        (&session["seat"], &session["vt"], &session["tty"]),
        (&Value::Null, &Value::Null, &"tty1".into())
    );
    assert_eq!((&session["state"], &session["remote"]), (&"active".into(), &false.into()));

    // Where there are some, this is none of them all the same.
    let (machine, _console) = self::machine("");
    let _terminal = machine.host.spawn(&["sh", "-c", tty1]);
    wait_until(SOON, "the terminal", || machine.host.run(&["test", "-c", "/dev/tty1"]).status.success());
    let _login = login(&machine, "alice", "tty1");
    assert_eq!(machine.session()["seat"], Value::Null);
}
