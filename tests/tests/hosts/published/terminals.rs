//! The terminals of ssh sessions, which PAM does not name.

use std::thread::sleep;
use std::time::{Duration, Instant};

use ck_tests::{Machine, Running, wait_until};
use rustix::process::Signal;

use super::{SOON, machine};

/// A login that tells its terminal, and stays.
const STAY: &str = "tty; exec sleep 1000";

/// The names of users and terminals as who(1) shows them, ordered.
fn who(machine: &Machine) -> Vec<String> {
    let lines = machine.host.run_ok(&["who"]);
    let words = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = lines.lines().map(words).collect();
    all.sort();
    all
}

/// Logs in on a terminal of its own. Returns that as well, without /dev/.
fn login(machine: &Machine, user: &str) -> (Running, String) {
    let login = machine.host.spawn(&["ssh", "-tt", &format!("{user}@127.0.0.1"), STAY]);
    wait_until(SOON, "the terminal is told", || login.stdout().contains('\n'));
    let terminal = login.stdout().trim().trim_start_matches("/dev/").to_owned();
    (login, terminal)
}

fn file(machine: &Machine, session: u64) -> String {
    let path = format!("/run/systemd/sessions/{session}");
    machine.host.run(&["cat", &path]).stdout
}

#[test]
fn who_names_the_terminals_of_ssh_sessions() {
    let mut machine = machine();
    // The first login has none, and is not given that of another one.
    let _without = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(1);
    let (_alice, first) = login(&machine, "alice");
    let (bob, second) = login(&machine, "bob");
    let named = |user: &str, tty: &str| format!("{user} {tty}");
    let expected = |machine: &Machine| {
        let who = who(machine);
        who.contains(&named("alice", &first)) && who.contains(&named("bob", &second))
    };
    wait_until(SOON, "both are named", || expected(&machine));
    assert!(!file(&machine, 1).contains("TTY="), "{}", file(&machine, 1));
    let listed: Vec<_> =
        machine.sessions().iter().map(|session| session["tty"].as_str().map(str::to_owned)).collect();
    assert_eq!(listed, [None, Some(first.clone()), Some(second.clone())]);

    // Another publisher, and another broker, find them again.
    machine.host.run_ok(&["pkill", "-9", "-x", "ck-publish"]);
    wait_until(SOON, "another publisher", || {
        machine.host.run(&["pgrep", "-x", "ck-publish"]).status.success()
    });
    wait_until(SOON, "both are named again", || expected(&machine));
    machine.broker().signal(Signal::KILL);
    machine.broker = None;
    machine.host.run_ok(&["sh", "-c", "sed -i /^TTY/d /run/systemd/sessions/*"]);
    machine.start_broker(&[]);
    wait_until(SOON, "both are named by the next broker", || expected(&machine));
    drop(bob);
    machine.await_sessions(2);
    wait_until(SOON, "one is left", || who(&machine).iter().all(|line| !line.contains("bob")));
}

#[test]
fn a_terminal_that_goes_is_named_no_longer() {
    let machine = machine();
    let host = &machine.host;
    let _connection = host.spawn(&["ssh", "-MNS", "/tmp/shared", "alice@127.0.0.1"]);
    machine.await_sessions(1);
    for _ in 0..2 {
        let shell = host.spawn(&["ssh", "-S", "/tmp/shared", "-tt", "alice@127.0.0.1", STAY]);
        wait_until(SOON, "the terminal is told", || shell.stdout().contains('\n'));
        let line = format!("TTY={}\n", shell.stdout().trim().trim_start_matches("/dev/"));
        wait_until(SOON, "it is named", || file(&machine, 1).contains(&line));
        drop(shell);
        wait_until(SOON, "it is named no longer", || !file(&machine, 1).contains("TTY="));
        assert!(file(&machine, 1).contains("STATE=active\n"));
    }
}

/// How often the publisher has slept, and its processor time in ticks.
fn sleeps_and_ticks(machine: &Machine) -> (u64, u64) {
    let script = "p=$(pgrep -x ck-publish); sed -n 's/^voluntary_ctxt_switches:\\t//p' /proc/$p/status; \
                  cut -d')' -f2 /proc/$p/stat | cut -d' ' -f13-14";
    let numbers = machine.host.run_ok(&["sh", "-c", script]);
    let numbers: Vec<u64> =
        numbers.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    (numbers[0], numbers[1] + numbers[2])
}

#[test]
fn nothing_is_done_while_nothing_happens() {
    let machine = machine();
    let _without = machine.host.spawn(&["ssh", "alice@127.0.0.1", "sleep 1000"]);
    machine.await_sessions(1);
    let (_bob, terminal) = login(&machine, "bob");
    machine.await_sessions(2);
    wait_until(SOON, "it is named", || file(&machine, 2).contains(&format!("TTY={terminal}\n")));
    // Alice, whose session has no terminal, is looked at for the last time some seconds after the last terminal has come.
    let mut before = sleeps_and_ticks(&machine).0;
    wait_until(4 * SOON, "it sleeps on", || {
        sleep(Duration::from_secs(5));
        std::mem::replace(&mut before, sleeps_and_ticks(&machine).0) == before
    });
}

/// A user who makes terminals and changes them without end neither keeps the processor busy nor hides those of others.
#[test]
fn terminals_without_end() {
    // The request is TIOCGPTN: the number of the terminal.
    const FLOOD: &str = "$| = 1; my (@all, @names);
        for (1..50) { open(my $all, '+<', '/dev/ptmx') or die; my $n = pack('I', 0); ioctl($all, 0x80045430, $n) or die;
            push @all, $all; push @names, '/dev/pts/' . unpack('I', $n) }
        print \"begun\\n\";
        while (1) { chmod(0600, $_) && chmod(0620, $_) or die for @names; open(my $one, '+<', '/dev/ptmx') or die }";
    let machine = machine();
    machine.host.write_file("/usr/local/bin/flood", format!("#!/usr/bin/perl\n{FLOOD}\n"), 0o755);
    let flood = machine.host.spawn(&["ssh", "alice@127.0.0.1", "flood"]);
    wait_until(SOON, "it has begun", || flood.stdout().contains("begun") || flood.is_over());
    assert!(!flood.is_over(), "{}", flood.stderr());
    let (before, start) = (sleeps_and_ticks(&machine).1, Instant::now());
    let _connection = machine.host.spawn(&["ssh", "-MNS", "/tmp/shared", "bob@127.0.0.1"]);
    machine.await_sessions(2);
    let shell = machine.host.spawn(&["ssh", "-S", "/tmp/shared", "-tt", "bob@127.0.0.1", STAY]);
    wait_until(SOON, "the terminal is told", || shell.stdout().contains('\n'));
    let line = format!("TTY={}\n", shell.stdout().trim().trim_start_matches("/dev/"));
    wait_until(2 * SOON, "it is named", || file(&machine, 2).contains(&line));
    drop(shell);
    wait_until(2 * SOON, "it is named no longer", || !file(&machine, 2).contains("TTY="));
    let ticks = sleeps_and_ticks(&machine).1 - before;
    // A second has a hundred ticks: less than a fifth, and what is done at the beginning.
    let most = 50 + u64::try_from(start.elapsed().as_millis()).expect("a time") / 50;
    assert!(ticks < most, "{ticks} ticks, of {most}");
}

/// Every user can make another instance of devpts, in which the same numbers are other terminals.
#[test]
fn a_terminal_of_another_instance_is_not_that_of_somebody_else() {
    // The request is TIOCSPTLCK. Whoever leads a session and opens a terminal has it as the controlling one.
    const OTHER: &str = r#"#!/usr/bin/perl
        $| = 1;
        exec "unshare", "-Urm", $0, "inside" unless @ARGV;
        if ($ARGV[0] eq "inside") {
            system("mount -t devpts -o newinstance,ptmxmode=0666 devpts /mnt") == 0 or die;
            exec "setsid", "-w", $0, "leads";
        }
        open(my $all, "+<", "/mnt/ptmx") or die;
        my $unlocked = pack("i", 0);
        ioctl($all, 0x40045431, $unlocked) or die;
        open(my $one, "+<", "/mnt/0") or die;
        # A terminal of hers in the usual place has her sessions looked at.
        open(my $news, "+<", "/dev/ptmx") or die;
        print "begun\n";
        sleep 1000;
    "#;
    let machine = machine();
    let (_bob, terminal) = login(&machine, "bob");
    assert_eq!(terminal, "pts/0");
    wait_until(SOON, "his is named", || file(&machine, 1).contains("TTY=pts/0\n"));
    machine.host.write_file("/usr/local/bin/other", OTHER, 0o755);
    let alice = machine.host.spawn(&["ssh", "alice@127.0.0.1", "other"]);
    wait_until(SOON, "she has another one", || alice.stdout().contains("begun") || alice.is_over());
    assert!(!alice.is_over(), "{}", alice.stderr());
    let on_it = machine.host.run_ok(&["ps", "-u", "alice", "-o", "tty="]);
    assert!(on_it.contains("pts/0"), "the number is the same: {on_it}");
    // Longer than a terminal is looked for.
    sleep(Duration::from_secs(6));
    assert!(!file(&machine, 2).contains("TTY="), "{}", file(&machine, 2));
    assert!(machine.sessions()[1]["tty"].is_null(), "{}", machine.sessions()[1]);
}
