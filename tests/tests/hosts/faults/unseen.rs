//! What the module asks of the kernel within its host: nothing that anybody could notice, and nothing that waits.

use ck_tests::Machine;
use rustix::process::Signal;

use super::{await_lines, install_application};

/// What there is to a session: files are read, sockets are used and closed, memory is taken and given back. None of
/// these changes anything that the host or its children would see, such as signals, ids, the umask, the directory,
/// threads, limits, timers, or what is open; none but the sockets' own waits. (A name may have to be waited for: see
/// [`assert_found_without_waiting`].)
const HARMLESS: [&str; 19] = [
    "brk",
    "close",
    "connect",
    "getpid",
    "getrandom",
    "getsockopt",
    "lseek",
    "mmap",
    "munmap",
    "newfstatat",
    "openat",
    "openat2",
    "read",
    "readlinkat",
    "recvfrom",
    "sendto",
    "setsockopt",
    "socket",
    "statx",
];

/// The calls of the second session of a process: the first loads the module and the name service.
fn calls(machine: &Machine) -> Vec<String> {
    let words = ["open", "close", "open", "close"];
    let trace = ["strace", "-f", "-qq", "-o", "/tmp/trace", "pam-application", "ck-test", "alice"];
    machine.host.run_ok(&[&trace[..], &words].concat());
    let trace = machine.host.read_file("/tmp/trace");
    let calls = trace.lines().map(|line| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' '));
    let prints = |call: &str| call.starts_with("write(1, \"open ") || call.starts_with("write(1, \"close ");
    // Past what the first session printed, up to what the last call of the second did, and without the audit
    // records of libpam itself.
    let (mut printed, mut auditing) = (0, false);
    let within = calls.filter(|call| {
        printed += usize::from(prints(call));
        let audits = auditing || call.starts_with("socket(AF_NETLINK, ");
        auditing = audits && !call.starts_with("close(");
        (2..4).contains(&printed) && !prints(call) && !audits
    });
    within.map(str::to_owned).collect()
}

fn assert_harmless(calls: &[String]) {
    for call in calls {
        let name = call.split('(').next().unwrap_or_default();
        assert!(HARMLESS.contains(&name), "{call}\nin {calls:#?}");
        let opens = ["socket", "openat", "openat2"].contains(&name);
        assert!(!opens || call.contains("CLOEXEC"), "a child would inherit it: {call}");
        assert!(name != "sendto" || call.contains("MSG_NOSIGNAL"), "a signal may come: {call}");
    }
    let count =
        |name: &str| calls.iter().filter(|call| call.starts_with(name) && !call.contains(" = -1 ")).count();
    assert_eq!(count("socket(") + count("openat(") + count("openat2("), count("close("), "{calls:#?}");
    assert_found_without_waiting(calls);
}

/// The path that `call` is given.
fn path(call: &str) -> Option<&str> {
    call.split('"').nth(1)
}

/// The name service reads its files in its own way. Every other path is asked of the kernel's cache alone: to look up
/// what is not there, the directory's lock is waited for, and users can hold that. What is done by path after that
/// finds the names in the cache.
fn assert_found_without_waiting(calls: &[String]) {
    let mut found = Vec::new();
    for call in calls.iter().filter(|call| !path(call).unwrap_or_default().starts_with("/etc/")) {
        let name = call.split('(').next().unwrap_or_default();
        assert!(
            name != "openat" && name != "newfstatat" || call.contains("AT_EMPTY_PATH"),
            "{call}\nin {calls:#?}"
        );
        assert!(name != "statx" || call.contains(", \"\", ") && call.contains("AT_EMPTY_PATH"), "{call}");
        assert!(name != "readlinkat" || path(call) == Some(""), "{call}");
        assert!(name != "openat2" || call.contains("RESOLVE_CACHED}"), "{call}");
        match name {
            "openat2" if !call.contains(" = -1 ") => found.extend(path(call)),
            "connect" => {
                assert!(path(call).is_some_and(|path| found.contains(&path)), "{call}\nin {calls:#?}")
            }
            _ => {}
        }
    }
}

#[test]
fn a_session_asks_nothing_of_the_kernel_that_could_be_seen() {
    let machine = Machine::up();
    install_application(&machine, "debug");
    let calls = calls(&machine);
    assert_harmless(&calls);
    assert_eq!(connects(&calls), 2, "{calls:#?}");
    await_lines(&machine, 4);
    machine.await_nothing_left();
}

/// Without a broker a login is not late at all: its socket is looked for, and then there is no waiting of any kind.
#[test]
fn without_a_broker_it_is_looked_for_and_there_is_no_waiting() {
    let machine = Machine::installed();
    install_application(&machine, "");
    let calls = calls(&machine);
    assert_harmless(&calls);
    let waits = |call: &String| call.starts_with("recv") || call.contains("nanosleep");
    assert!(connects(&calls) == 0 && !calls.iter().any(waits), "{calls:#?}");
    // One a login.
    await_lines(&machine, 2);
}

/// The same where one has been: its socket is still there.
#[test]
fn after_the_death_of_the_broker_there_is_one_attempt_and_no_waiting() {
    let mut machine = Machine::up();
    machine.broker.take().expect("a broker").signal(Signal::KILL);
    install_application(&machine, "");
    let calls = calls(&machine);
    assert_harmless(&calls);
    assert!(connects(&calls) == 1 && !calls.iter().any(|call| call.starts_with("recv")), "{calls:#?}");
    await_lines(&machine, 2);
}

/// How often the broker was asked for.
fn connects(calls: &[String]) -> usize {
    let broker = |call: &&String| call.starts_with("connect(") && call.contains("ck-broker/session.sock");
    calls.iter().filter(broker).count()
}
