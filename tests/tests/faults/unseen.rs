//! What the module asks of the kernel within its host: nothing that anybody could notice, and nothing that waits.

use ck_tests::Machine;

use super::{await_lines, install_application};

/// What there is to a session: files are read, sockets are used and closed, memory is taken and given back. None of
/// these changes anything that the host or its children would see, such as signals, ids, the umask, the directory,
/// threads, limits, timers, or what is open; none but the sockets' own waits.
const HARMLESS: [&str; 17] = [
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
    "read",
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
        let opens = ["socket", "openat"].contains(&name);
        assert!(!opens || call.contains("CLOEXEC"), "a child would inherit it: {call}");
        assert!(name != "sendto" || call.contains("MSG_NOSIGNAL"), "a signal may come: {call}");
    }
    let count =
        |name: &str| calls.iter().filter(|call| call.starts_with(name) && !call.contains(" = -1 ")).count();
    assert_eq!(count("socket(") + count("openat("), count("close("), "{calls:#?}");
}

#[test]
fn a_session_asks_nothing_of_the_kernel_that_could_be_seen() {
    let machine = Machine::up();
    install_application(&machine, "debug");
    let calls = calls(&machine);
    assert_harmless(&calls);
    let asked = calls.iter().filter(|call| call.contains("ck-broker/session.sock")).count();
    assert_eq!(asked, 2, "{calls:#?}");
    await_lines(&machine, 4);
    machine.await_nothing_left();
}

/// Without a broker a login is not late at all: there is one attempt, and then no waiting of any kind.
#[test]
fn without_a_broker_there_is_one_attempt_and_no_waiting() {
    let machine = Machine::installed();
    install_application(&machine, "");
    let calls = calls(&machine);
    assert_harmless(&calls);
    let asked: Vec<_> = calls.iter().filter(|call| call.contains("ck-broker/session.sock")).collect();
    assert!(asked.len() == 1 && asked.iter().all(|call| !call.starts_with("recv")), "{calls:#?}");
    // One a login.
    await_lines(&machine, 2);
}
