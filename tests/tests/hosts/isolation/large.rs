//! 200,000 files at logout: the broker's loop does not notice, nor does another user's login.
//!
//! What is measured is the broker and not the machine's scheduler: the broker and who asks it run ahead of everything
//! else where that is allowed, while the workers and the control, an `rm -rf` of as much that is none of the
//! broker's business, do not.

use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

use ck_tests::{Guarded, Running, wait_until};
use rustix::process::Signal;

use super::install;

const LOAD: &str = env!("CARGO_BIN_EXE_broker-load");
pub(super) const BROKER: &str = "/usr/sbin/ck-broker";
/// A real-time priority that children do not inherit.
const AHEAD: [&str; 4] = ["chrt", "--reset-on-fork", "--fifo", "50"];
/// The longest that the loop may do anything else than wait.
const STALL: Duration = Duration::from_millis(5);
/// How much longer a login may take, in hundredths.
const SLOWER: u128 = 150;
/// What else runs on the machine can spoil a measurement; it cannot make one better than the broker is.
const REPETITIONS: usize = 5;
const FILL: &str = "for i in {1..10}; do mkdir $i; (cd $i; seq 20000 | xargs touch); done";
/// Processor time that the broker may need for a logout: it starts a worker, writes and logs. To free 200,000 files
/// takes ten times as long.
const OWN_WORK: Duration = Duration::from_millis(30);

/// Median, 99th percentile and maximum, in microseconds.
#[derive(Debug)]
struct Times {
    p99: u128,
    max: u128,
}

/// What puts a program ahead of everything else, where that is allowed.
pub(super) fn ahead() -> &'static [&'static str] {
    let allowed = Command::new(AHEAD[0]).args(&AHEAD[1..]).arg("true").output();
    if allowed.is_ok_and(|output| output.status.success()) { &AHEAD } else { &[] }
}

fn up(kind: &str) -> Guarded {
    // Room for the files, however little memory the machine has.
    let toml = format!("[runtime_dir]\nkind = \"{kind}\"\nsize = \"2g\"\n");
    Guarded::up_by(&[ahead(), &[BROKER]].concat(), &toml)
}

/// Runs `broker-load` until `good` says that its result is.
fn measure(arguments: &[&str], good: impl Fn(&HashMap<String, Times>) -> bool) {
    for kind in ["tmpfs", "directory"] {
        let guarded = up(kind);
        let load = install(&guarded.machine, LOAD);
        let mut seen = String::new();
        let well = (0..REPETITIONS).any(|_| {
            let printed = guarded.machine.host.run_ok(&[ahead(), &[&load], arguments].concat());
            let times = printed.lines().map(times).collect();
            seen += &format!("{printed}\n\n");
            guarded.machine.await_nothing_left();
            good(&times)
        });
        println!("{kind}, {arguments:?}: name, median, p99, max in microseconds, samples\n{seen}");
        assert!(well, "{kind}: never good enough, see above");
        guarded.assert_gone_and_unharmed();
    }
}

fn times(line: &str) -> (String, Times) {
    let words: Vec<&str> = line.split(' ').collect();
    let number = |at: usize| words[at].parse().expect("microseconds");
    (words[0].to_owned(), Times { p99: number(2), max: number(3) })
}

#[test]
#[ignore = "a benchmark: make bench"]
fn the_loop_does_not_stall() {
    measure(&["stall", "2001"], |times| {
        ["teardown", "close"].iter().all(|&what| times[what].max <= STALL.as_micros())
    });
}

#[test]
#[ignore = "a benchmark: make bench"]
fn another_users_login_takes_no_longer() {
    measure(&["logins", "2001", "2002"], |times| times["teardown"].p99 * 100 <= times["idle"].p99 * SLOWER);
}

/// The processor time that the broker has used, to the nanosecond.
pub(super) fn broker_time(guarded: &Guarded) -> Duration {
    let stat = guarded.machine.host.read_file(&format!("/proc/{}/schedstat", guarded.machine.broker().pid()));
    Duration::from_nanos(stat.split(' ').next().expect("a number").parse().expect("nanoseconds"))
}

/// Waits for the end of alice's teardown without asking the broker.
fn await_worker(guarded: &Guarded) {
    let wait = "sleep 0.3; while pgrep -f -- '[-]-uid=2001' >/dev/null; do sleep 0.05; done; sleep 0.1";
    guarded.machine.host.run_ok(&["sh", "-c", wait]);
}

fn trace(guarded: &Guarded) -> Running {
    let pid = guarded.machine.broker().pid().to_string();
    // Not its children: a worker's 200,000 calls would take minutes.
    let strace = ["strace", "-ttt", "-T", "-o", "/tmp/trace", "-p", &pid];
    let strace = guarded.machine.host.spawn(&[ahead(), &strace].concat());
    wait_until(Duration::from_secs(10), "strace is attached", || strace.stderr().contains("attached"));
    strace
}

/// The longest time between the end of one wait and the begin of the next call, and of any call but a wait. Of a file
/// that is freed on close, the work is done after the call has returned.
fn longest(trace: &str) -> (f64, String) {
    let mut longest = (0.0, String::new());
    let mut ended: Option<f64> = None;
    for line in trace.lines() {
        let Some((start, call)) = line.split_once(' ') else { continue };
        let Some((_, took)) = call.rsplit_once(" <") else { continue };
        // The last one has none: "= ? <unavailable>".
        let Ok(took) = took.trim_end_matches('>').parse::<f64>() else { continue };
        let start: f64 = start.parse().expect("a time");
        let gap = ended.map_or(0.0, |ended| start - ended);
        let busy = if call.starts_with("epoll_wait") || call.starts_with("epoll_pwait") {
            gap
        } else {
            gap.max(took)
        };
        if busy > longest.0 {
            longest = (busy, format!("{line} (after {gap:.6} s)"));
        }
        ended = Some(start + took);
    }
    longest
}

/// What cannot be blamed on the machine: the calls that the broker makes for a logout, and the time that it needs.
#[test]
fn the_broker_removes_and_frees_nothing_itself() {
    for kind in ["tmpfs", "directory"] {
        let guarded = up(kind);
        let mut seen = String::new();
        let well = (0..REPETITIONS).any(|_| {
            let login = guarded.log_in(FILL);
            let mut strace = trace(&guarded);
            let before = broker_time(&guarded);
            login.log_out();
            await_worker(&guarded);
            let used = broker_time(&guarded) - before;
            strace.signal(Signal::INT);
            assert!(strace.wait(Duration::from_secs(10)).is_some(), "strace ends");
            let trace = guarded.machine.host.read_file("/tmp/trace");
            // The directories for hooks have nothing in them but `.` and `..`.
            let listings = trace.lines().filter(|line| line.contains("getdents"));
            for line in listings {
                assert!(
                    ["/* 2 entries */", "/* 0 entries */"].iter().any(|few| line.contains(few)),
                    "{line}"
                );
            }
            let removals = trace.lines().filter(|line| line.contains("unlink") || line.contains("rmdir"));
            for line in removals {
                let own =
                    line.contains("\"/run/ck-broker/state/") || line.contains("\"/run/user/.ck-retired/");
                assert!(own, "{line}");
            }
            guarded.machine.await_nothing_left();
            assert!(used < OWN_WORK, "{kind}: the broker itself worked for {used:?}\n{trace}");
            let (seconds, line) = longest(&trace);
            seen += &format!("{used:?} in all; at most {seconds:.6} s: {line}\n");
            seconds <= STALL.as_secs_f64()
        });
        println!("{kind}: {seen}");
        assert!(well, "{kind}: a call took too long each time, see above");
        guarded.assert_gone_and_unharmed();
    }
}

/// First whoever else has the descriptor, so that the broker is the last that does if it has kept it.
#[test]
fn a_worker_that_is_killed_leaves_the_broker_nothing_to_free() {
    let guarded = up("tmpfs");
    let login = guarded.log_in(FILL);
    let kill = "of=[-]-uid=2001; until pkill -STOP -f -- $of; do :; done; sleep 0.1; pgrep -c -f -- $of >/tmp/stopped; \
                pkill -9 -n -f -- $of; sleep 0.2; pkill -9 -f -- $of; true";
    let mut killer = guarded.machine.host.spawn(&["sh", "-c", kill]);
    let before = broker_time(&guarded);
    login.log_out();
    assert!(killer.wait(Duration::from_secs(10)).is_some(), "no worker came");
    // As long as the next try takes, for which nobody asks the broker anything.
    std::thread::sleep(Duration::from_secs(3));
    let used = broker_time(&guarded) - before;
    assert!(used < OWN_WORK, "the broker itself worked for {used:?}");
    guarded.assert_gone_and_unharmed();
}
