//! What the broker's children start with, whatever the broker was started with; and that each is waited for.

use std::time::{Duration, Instant};

use ck_tests::children::{Child, by_bad_shell};
use ck_tests::older_kernel::{self, FIRST_UNKNOWN};
use ck_tests::siege::{BY_ALICE, attack, install};
use ck_tests::{ALICES, Machine, wait_until};
use rustix::process::{Pid, Signal, kill_process};

const SOON: Duration = Duration::from_secs(10);
const BROKER: &str = "/usr/sbin/ck-broker";
const REMOVER: &str = "/usr/libexec/ck/ck-remove-directory";
/// Longer than the broker waits before it starts another process that writes the history.
const HISTORY_PAUSE: Duration = Duration::from_secs(6);
/// Without CAP_SYS_ADMIN, so that it mounts nothing.
const UNPRIVILEGED: [&str; 3] = ["setpriv", "--bounding-set=-sys_admin", BROKER];

fn machine(toml: &str) -> Machine {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
    machine.host.write_file("/etc/ck/run-session.d/stays.ck", "#!/bin/sh\nexec sleep 1000\n", 0o755);
    machine.start_broker_by(&by_bad_shell(&[BROKER]), &[]);
    machine
}

#[test]
fn hooks_start_clean() {
    let machine = machine("[hooks]\ndeadline = \"30s\"\n");
    let _login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    assert_eq!(machine.child("sleep"), Child::clean("sleep"));
}

#[test]
fn workers_start_clean() {
    let machine = machine("");
    machine.host.run_ok(&["rm", "/etc/ck/run-session.d/stays.ck"]);
    machine.host.write_file(REMOVER, "#!/bin/sh\nexec sleep 1000\n", 0o755);
    machine.host.run_ok(&["su", "alice", "-c", "touch $XDG_RUNTIME_DIR/file"]);
    assert_eq!(machine.child("sleep"), Child::clean("sleep"));
}

/// It blocks signals itself, so that it outlives the broker by its last line, and opens its file.
#[test]
fn the_writer_of_the_history_starts_clean() {
    let machine = machine("");
    let mut writer = machine.child("ck-history");
    assert_ne!(std::mem::take(&mut writer.blocked), 0);
    assert_eq!(writer, Child { descriptors: "0,1,2,3".to_owned(), ..Child::clean_own("ck-history") });
}

/// It has its lock, a socket, a proc(5) of its own, and both directories, each with the one above.
#[test]
fn what_writes_files_for_libsystemd_starts_clean() {
    let machine = machine("");
    wait_until(SOON, "it has looked at what is there", || {
        machine.host.metadata("/run/systemd/users").is_some() && machine.child("ck-publish").state == 'S'
    });
    let publisher = machine.child("ck-publish");
    let descriptors = publisher.descriptors.clone();
    assert_eq!(descriptors.split(',').count(), 10, "{descriptors}");
    assert_eq!(publisher, Child { descriptors, ..Child::clean_own("ck-publish") });
    let kept = "grep ^Cap /proc/$(pgrep -x ck-publish)/status";
    let capabilities = machine.host.run_ok(&["sh", "-c", kept]);
    assert!(capabilities.lines().all(|line| line.ends_with("\t0000000000000000")), "{capabilities}");
}

#[test]
fn a_writer_that_is_not_needed_any_more_is_waited_for() {
    let machine = machine("");
    for number in 0..3 {
        let toml = format!("[history]\nfile = \"/var/log/ck/other-{number}\"\n");
        machine.host.write_file("/etc/ck/broker.toml", toml, 0o644);
        machine.broker().signal(Signal::HUP);
        wait_until(SOON, "the new place is used", || {
            machine.host.metadata(&format!("/var/log/ck/other-{number}")).is_some()
        });
    }
    wait_until(SOON, "one of them is left, and no zombie", || {
        let children = machine.children();
        let writers = children.iter().filter(|child| child.name == "ck-history").count();
        writers == 1 && children.iter().all(|child| child.state != 'Z')
    });
}

/// Alice holds the directory in which it makes one.
#[test]
fn what_makes_the_places_starts_clean() {
    let mut machine = Machine::installed();
    install(&machine, env!("CARGO_BIN_EXE_attack"));
    machine.host.run_ok(&["mount", "-t", "tmpfs", "none", "/srv"]);
    let held = attack(&machine.host, &["hold", "/srv"]);
    machine.broker = Some(machine.host.spawn(&by_bad_shell(&[BROKER, "--state-dir=/srv/broker"])));
    let maker = machine.child("ck-make-places");
    assert_eq!(maker, Child { state: 'D', ..Child::clean_own("ck-make-places") });
    drop(held);
    wait_until(SOON, "the broker serves", || machine.host.read_file("/tmp/ready") == "\n");
    machine.await_no_child();
}

/// Alice holds her directory, which it moves. It opens the root.
#[test]
fn what_works_in_the_root_starts_clean() {
    let mut machine = Machine::installed();
    install(&machine, env!("CARGO_BIN_EXE_attack"));
    machine.start_broker_by(&by_bad_shell(&UNPRIVILEGED), &[]);
    let login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "her directory", || machine.has_alices());
    let held = attack(&machine.host, &["hold", ALICES]);
    drop(login);
    let worker = machine.child("ck-in-root");
    let descriptors = "0,1,2,3".to_owned();
    assert_eq!(worker, Child { state: 'D', descriptors, ..Child::clean_own("ck-in-root") });
    drop(held);
    machine.await_no_child();
}

/// It ends at once, so it is stopped when it gives itself its name (prctl(2)). It has one connection to close.
#[test]
fn what_closes_descriptors_starts_clean() {
    const PEER: &str = "/usr/local/bin/hostile-peer";
    let mut machine = Machine::installed();
    let program = std::fs::read(env!("CARGO_BIN_EXE_hostile-peer")).expect("the driver");
    machine.host.write_file(PEER, program, 0o755);
    machine.start_broker_by(&by_bad_shell(&older_kernel::broker(FIRST_UNKNOWN[0].1)), &[]);
    let broker = machine.broker().pid().to_string();
    let stop = "inject=prctl:signal=STOP";
    let tracer = machine.host.spawn(&["strace", "-f", "-e", "trace=prctl", "-e", stop, "-p", &broker]);
    wait_until(SOON, "strace has it", || tracer.stderr().contains("attached"));
    let peer = machine.host.spawn(&[PEER, "linger", "1"]);
    let mut closer = machine.child("ck-close-fds");
    let given = std::mem::replace(&mut closer.descriptors, "0,1,2".to_owned());
    let connection = given.strip_prefix("0,1,2,").expect("one more");
    assert!(connection.parse::<u32>().is_ok(), "{given}");
    assert_eq!(closer, Child { state: 't', ..Child::clean_own("ck-close-fds") });
    tracer.signal(Signal::KILL);
    machine.host.run_ok(&["pkill", "-CONT", "-x", "ck-close-fds"]);
    machine.await_no_child();
    drop(peer);
}

/// Alice holds `/proc`, so that who looks itself up there waits. A child may, the broker may not.
#[test]
fn the_start_of_a_child_waits_for_nobody() {
    let machine = machine("[compat]\nsd_login = \"off\"\n");
    let start = Instant::now();
    machine.host.run_ok(&["rm", "/etc/ck/run-session.d/stays.ck"]);
    let login = machine.host.spawn(&["su", "alice", "-c", "sleep 1000"]);
    wait_until(SOON, "her directory", || machine.has_alices());
    // What is known here has not to be looked up while it is held.
    machine.await_no_child();
    let (broker, history) = (machine.broker().pid_outside(), machine.child("ck-history"));
    assert_eq!(machine.children(), [history]);
    let children =
        || std::fs::read_to_string(format!("/proc/{broker}/task/{broker}/children")).expect("pids");
    let history = children();
    install(&machine, env!("CARGO_BIN_EXE_attack"));
    let mut attacks = vec![attack(&machine.host, &["hold", "/proc"])];
    // Who waits to write keeps those waiting who come later to read.
    attacks
        .push(machine.host.spawn(&[&BY_ALICE[..], &["/usr/local/bin/attack", "mkdirs", "/proc"]].concat()));
    let writer = format!("/proc/{}/stat", attacks[1].pid_outside());
    wait_until(SOON, "somebody waits to write", || {
        std::fs::read_to_string(&writer).expect("a process").contains(") D ")
    });
    wait_until(SOON, "another process may write the history", || start.elapsed() > HISTORY_PAUSE);
    let pid = Pid::from_raw(history.trim().parse().expect("one pid")).expect("a pid");
    kill_process(pid, Signal::KILL).expect("kill the writer of the history");
    drop(login);
    wait_until(SOON, "the broker goes on", || {
        machine.broker().stderr().contains("user alice (2001) has left")
    });
    wait_until(SOON, "another one was started", || !["", &history].contains(&children().as_str()));
    // Other managers are looked for among all processes.
    machine.broker().signal(Signal::HUP);
    wait_until(SOON, "it has reloaded", || {
        machine.broker().stderr().contains("configuration has been read again")
    });
    drop(attacks);
    machine.child("ck-history");
}
