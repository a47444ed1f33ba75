//! How many system calls a login and a logout cost: exact numbers, so that a call that creeps in is seen.
//!
//! What is counted are the calls of the broker's own process, from the real module's request to the broker's sleep, with
//! neither hooks nor another process in between. Left out are epoll_wait(2), as two things that come together may be told
//! at once or one after the other; a look for a request that is not here yet, as it may be; and what is written into the
//! log (standard error): see `counted`.

use std::collections::BTreeMap;
use std::time::Duration;

use ck_tests::{ALICES, Machine, Running, wait_until};

const SOON: Duration = Duration::from_secs(10);
const TRACE: &str = "/tmp/trace";
/// How long the broker makes no call before it is taken to be done.
const QUIET: Duration = Duration::from_millis(300);

/// The calls, in all and by name. Of a login, seven read the ids of the leader in the audit, after the answer: open, read and close for
/// each of two files, and ppoll, which sees that the leader still lives. Two sendto and two recvfrom of each are for the process that
/// writes files for libsystemd: that of the session, and that of the user, for which no login waits. The eight newfstatat of each see, after the answer, that the directories of hooks and what is above them are as
/// they were. A last logout that leaves something mounts it among the retired, and starts a worker
/// for it after the answer.
const EXPECTED: [(&str, &str); 5] = [
    (
        "first login",
        "42: accept4 2, close 5, epoll_ctl 3, fstat 1, getsockopt 2, mkdirat 1, mount 1, newfstatat 8, openat 4, ppoll 1, \
         read 2, recvfrom 4, rename 1, sendto 3, statx 2, write 2",
    ),
    (
        "second login",
        "36: accept4 2, close 4, epoll_ctl 3, fstat 1, getsockopt 2, ioctl 1, newfstatat 8, openat 3, ppoll 1, read 2, \
         recvfrom 4, rename 1, sendto 3, write 1",
    ),
    (
        "a logout",
        "26: accept4 2, close 3, epoll_ctl 3, getsockopt 2, newfstatat 8, recvfrom 4, sendto 3, unlink 1",
    ),
    (
        "the last logout",
        "33: accept4 2, close 4, epoll_ctl 3, fstatfs 1, getsockopt 2, newfstatat 8, open 1, recvfrom 4, renameat2 1, \
         sendto 3, statx 1, umount2 1, unlink 2",
    ),
    (
        "one that leaves something",
        "58: accept4 2, clone3 1, close 8, epoll_ctl 4, fcntl 1, fstatfs 1, getsockopt 2, memfd_create 1, mkdirat 1, \
         mmap 1, mount 1, move_mount 1, munmap 1, newfstatat 8, open 1, open_tree 1, pidfd_open 1, pread64 1, \
         prlimit64 6, recvfrom 4, renameat2 1, rt_sigprocmask 2, sendto 3, statx 1, umount2 1, unlink 2, wait4 1",
    ),
];

/// A broker whose calls are listed.
struct Traced {
    machine: Machine,
    _strace: Running,
    seen: usize,
}

impl Traced {
    fn up() -> Self {
        let mut machine = Machine::installed();
        machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
        machine.host.write_file("/etc/ck/broker.toml", "[history]\nfile = \"none\"\n", 0o644);
        machine.start_broker(&[]);
        let stack = "session required pam_loginuid.so\nsession required pam_ck.so\n";
        machine.install_application("ck-test", stack);
        // Until the directories of hooks have been as they are for so long that they are not read again: `RACY`.
        std::thread::sleep(Duration::from_secs(3));
        // What is made once in a broker's life is made.
        machine.host.run_ok(&["pam-application", "ck-test", "alice", "open", "close"]);
        machine.await_nothing_left();
        std::thread::sleep(QUIET);
        let pid = machine.broker().pid().to_string();
        let strace = machine.host.spawn(&["strace", "-qq", "-o", TRACE, "-p", &pid]);
        let status = format!("/proc/{pid}/status");
        wait_until(SOON, "strace is attached", || {
            !machine.host.read_file(&status).contains("TracerPid:\t0\n")
        });
        Self { machine, _strace: strace, seen: 0 }
    }

    /// Logs alice in, and out when [`Traced::log_out`] says so.
    fn log_in(&self, name: &str) -> Running {
        let (out, gone) = (format!("/tmp/{name}-out"), format!("/tmp/{name}-gone"));
        let words = ["open", "await", &out, "close", "await", &gone];
        self.machine.host.spawn(&[&["pam-application", "ck-test", "alice"][..], &words].concat())
    }

    fn touch(&self, name: &str) {
        self.machine.host.write_file(&format!("/tmp/{name}"), "", 0o644);
    }

    /// The calls since the last time, by name, once the broker is done.
    fn calls(&mut self) -> BTreeMap<String, usize> {
        let lines = || self.machine.host.read_file(TRACE).lines().map(str::to_owned).collect::<Vec<_>>();
        let mut all = Vec::new();
        wait_until(SOON, "the broker is done", || {
            all = lines();
            std::thread::sleep(QUIET);
            all.len() > self.seen && all.len() == lines().len()
        });
        let mut calls = BTreeMap::new();
        for name in all[self.seen..].iter().filter_map(|line| counted(line)) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
        self.seen = all.len();
        calls
    }
}

/// The name of the call, if it counts.
fn counted(line: &str) -> Option<&str> {
    let (name, arguments) = line.split_once('(')?;
    let is_log = arguments.starts_with("2, ") || arguments.starts_with("[{fd=2, ");
    let is_early = name == "recvfrom" && arguments.contains("EAGAIN");
    (!is_log
        && !is_early
        && name != "epoll_wait"
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
    .then_some(name)
}

fn shown(calls: &BTreeMap<String, usize>) -> String {
    let each: Vec<String> = calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
    format!("{}: {}", calls.values().sum::<usize>(), each.join(", "))
}

#[test]
fn of_the_broker_for_logins_and_logouts() {
    let mut traced = Traced::up();
    // Earlier ones are asked otherwise who a peer is: see docs/ARCHITECTURE.md, "Kernel versions".
    if traced.machine.kernel() < (6, 13) {
        eprintln!("left out: the numbers are those of Linux 6.13 and later");
        return;
    }
    let mut measured = Vec::new();
    let first = traced.log_in("first");
    measured.push(("first login", shown(&traced.calls())));
    let second = traced.log_in("second");
    measured.push(("second login", shown(&traced.calls())));
    for (what, name) in [("a logout", "second"), ("the last logout", "first")] {
        traced.touch(&format!("{name}-out"));
        measured.push((what, shown(&traced.calls())));
    }
    let third = traced.log_in("third");
    traced.calls();
    traced.machine.host.write_file(&format!("{ALICES}/left"), "", 0o644);
    traced.touch("third-out");
    measured.push(("one that leaves something", shown(&traced.calls())));
    for name in ["first", "second", "third"] {
        traced.touch(&format!("{name}-gone"));
    }
    drop((first, second, third));
    let expected = EXPECTED.map(|(what, calls)| (what, calls.to_owned()));
    assert_eq!(
        measured, expected,
        "another number of calls: if that is right, write it into EXPECTED and say why"
    );
}
