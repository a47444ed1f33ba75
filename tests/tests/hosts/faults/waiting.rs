//! A broker that is absent, stands still, is slow, or takes no more connections.

use std::time::{Duration, Instant};

use ck_tests::{Machine, Pty, Running, wait_until};
use rustix::process::Signal;

use super::{SOON, apply, await_lines, install_application, module_lines};

/// Four times the module's deadline, and so far less than the 25 s and more that others make one wait.
const LATE: Duration = Duration::from_secs(6);
/// Five times what a logout may wait for the broker, and what the programs themselves need.
const LOGOUT: Duration = Duration::from_secs(3);
const TELL: &str = "echo in [$XDG_SESSION_ID]; until [ -e /tmp/out ]; do sleep 0.02; done";

/// Three people who log in at the same time, each in their own way.
struct Logins {
    ssh: Running,
    su: Running,
    login: Pty,
}

impl Logins {
    fn start(machine: &Machine) -> Self {
        let mut logins = Self {
            ssh: machine.host.spawn(&["ssh", "alice@127.0.0.1", TELL]),
            su: machine.host.spawn(&["su", "-l", "alice", "-c", TELL]),
            login: machine.host.on_terminal(&["login", "-f", "alice"]),
        };
        logins.login.send("echo in''side [$XDG_SESSION_ID]");
        logins
    }

    /// Waits until all are in; the ids of their sessions, "[]" for none.
    fn await_all(&mut self) -> Vec<String> {
        let told = |running: &Running| running.stdout().trim().strip_prefix("in ").map(str::to_owned);
        wait_until(LATE, "ssh and su are in", || {
            [&self.ssh, &self.su].iter().all(|running| told(running).is_some())
        });
        self.login.expect("inside ", LATE);
        let id = self.login.expect("]", LATE);
        [&self.ssh, &self.su].iter().filter_map(|running| told(running)).chain([id]).collect()
    }

    /// Logs all out, in order; how long that took.
    fn log_out(mut self, machine: &Machine) -> Duration {
        let start = Instant::now();
        machine.host.write_file("/tmp/out", "", 0o644);
        self.login.send("exit");
        for status in [self.ssh.wait(SOON), self.su.wait(SOON), self.login.wait(SOON)] {
            assert!(status.expect("the login ends").success());
        }
        start.elapsed()
    }
}

/// Everybody gets in without a session, and out again, late by the deadline at most; the log has one line for each.
fn assert_let_in(machine: &Machine, reason: &str) {
    let mut logins = Logins::start(machine);
    assert_eq!(logins.await_all(), ["[]", "[]", "[]"]);
    let took = logins.log_out(machine);
    assert!(took < LOGOUT, "the logouts took {took:?}");
    let lines = await_lines(machine, 3);
    let named = |line: &String| line.contains("/run/ck-broker/session.sock: ") && line.contains(reason);
    assert!(lines.iter().all(named), "{lines:#?}");
    for service in ["sshd", "su-l", "login"] {
        let count = lines.iter().filter(|line| line.contains(&format!("pam_ck({service}:session)"))).count();
        assert_eq!(count, 1, "{service}: {lines:#?}");
    }
}

#[test]
fn no_broker() {
    assert_let_in(&Machine::installed(), "is ck-broker running?");
}

/// The module's own part in that, with libpam and the name service around it: 0.1 ms on a busy machine.
#[test]
fn no_broker_makes_no_login_late() {
    const PROMISED: u64 = 10_000;
    let machine = Machine::installed();
    install_application(&machine, "");
    let told = apply(&machine, &["open"; 21]);
    let mut took: Vec<u64> = told
        .lines()
        .map(|line| line.rsplit_once(' ').expect("a time").1.parse().expect("microseconds"))
        .collect();
    took.sort_unstable();
    assert!(took.len() == 21 && took[10] < PROMISED, "{took:?} µs");
}

/// As for the module: in `unseen`, what it asks for is explained. Nobody may hold up a script of root's either.
#[test]
fn ckctl_connects_to_what_is_found_without_waiting() {
    const SOCKET: &str = "\"/run/ck-broker/admin.sock\"";
    let calls = |machine: &Machine| {
        let trace = ["strace", "-qq", "-e", "trace=openat2,connect", "-o", "/tmp/trace"];
        let told = machine.host.run(&[&trace[..], &["ckctl", "status"]].concat());
        (told, machine.host.read_file("/tmp/trace"))
    };
    let (told, trace) = calls(&Machine::up());
    let [found, connects] = ["openat2(", "connect("].map(|call| {
        trace
            .lines()
            .position(|line| line.starts_with(call) && line.contains(SOCKET) && !line.contains(" = -1 "))
    });
    assert!(told.status.success() && found.is_some() && found < connects, "{trace}");

    let (told, trace) = calls(&Machine::installed());
    assert!(told.status.code() == Some(3) && told.stderr.contains("is ck-broker running?"), "{told:?}");
    let all_cached = trace.lines().all(|line| line.contains("RESOLVE_CACHED}"));
    assert!(!trace.is_empty() && all_cached, "{trace}");
}

/// openat2(2) fails with the errno `$ARGV[0]`: as before Linux 5.12 where it is asked for what the cache has (22), before
/// 5.6 (38), and in a container whose filter does not know it (1). The filter is made as in `ck_tests::older_kernel`.
const WITHOUT_OPENAT2: &str = r#"
    my $prctl = `uname -m` =~ /x86_64/ ? 157 : 167;
    my $code = join "", map { pack "SCCL", @$_ }
        [0x20, 0, 0, 0], [0x15, 0, 1, 437], [0x06, 0, 0, 0x50000 | shift], [0x06, 0, 0, 0x7fff0000];
    my $program = pack "Sx6P", length($code) / 8, $code;
    syscall($prctl, 22, 2, $program) == 0 or die "PR_SET_SECCOMP: $!";
    exec @ARGV or die "$ARGV[0]: $!";
"#;

#[test]
fn where_the_kernel_cannot_ask_its_cache_alone_sessions_are_as_elsewhere() {
    let machine = Machine::up();
    install_application(&machine, "debug");
    let session = |errno: &str| {
        let filter = ["perl", "-e", WITHOUT_OPENAT2, errno];
        let login = ["pam-application", "ck-test", "alice", "open", "env", "close"];
        machine.host.run_ok(&[&filter[..], &login].concat())
    };
    let errnos = ["1", "22", "38"];
    for told in errnos.map(session) {
        assert!(told.contains("XDG_RUNTIME_DIR=/run/user/2001"), "{told}");
    }
    let lines = await_lines(&machine, 2 * errnos.len());
    assert!(lines.iter().all(|line| line.contains("session")), "{lines:#?}");
    machine.await_nothing_left();
}

#[test]
fn a_broker_that_stands_still() {
    let machine = Machine::up();
    machine.broker().signal(Signal::STOP);
    assert_let_in(&machine, "it gave no answer within 1500 ms");
    // Those whom it was to open for have left.
    machine.broker().signal(Signal::CONT);
    machine.await_nothing_left();
}

#[test]
fn a_broker_whose_queue_is_full() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["sh", "-c", "echo 8 >/proc/sys/net/core/somaxconn"]);
    machine.start_broker(&[]);
    machine.broker().signal(Signal::STOP);
    let fill = "use Socket qw(:DEFAULT SOCK_NONBLOCK); for (1..99) { socket($s[$_], AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0) or die; \
                connect($s[$_], pack_sockaddr_un('/run/ck-broker/session.sock')) or last } \
                print STDERR \"$!\"; sleep 60";
    let filler = machine.host.spawn(&["perl", "-e", fill]);
    wait_until(SOON, "the queue is full", || filler.stderr().contains("temporarily unavailable"));
    assert_let_in(&machine, "it took no connection within 1500 ms");
    machine.broker().signal(Signal::CONT);
    assert_eq!(machine.host.run_ok(&["su", "alice", "-c", "echo $XDG_RUNTIME_DIR"]), "/run/user/2001");
    machine.await_nothing_left();
}

/// What is late, but within the deadline, is a login like any other.
#[test]
fn a_broker_that_answers_after_a_second() {
    let machine = Machine::up();
    let slowly = |work: &mut dyn FnMut()| {
        machine.broker().signal(Signal::STOP);
        work();
        std::thread::sleep(Duration::from_secs(1));
        machine.broker().signal(Signal::CONT);
    };
    let mut logins = None;
    slowly(&mut || logins = Some(Logins::start(&machine)));
    let mut logins = logins.expect("just made");
    let mut ids = logins.await_all();
    ids.sort_unstable();
    assert_eq!(ids, ["[1]", "[2]", "[3]"]);
    assert_eq!(module_lines(&machine), [""; 0]);
    let mut logins = Some(logins);
    slowly(&mut || {
        let took = logins.take().expect("once").log_out(&machine);
        assert!(took < LOGOUT, "the logouts took {took:?}");
    });
    // A logout does not wait for that long; the session ends all the same.
    machine.await_nothing_left();
    let lines = await_lines(&machine, 3);
    let ends = |line: &String| {
        line.ends_with("within 200 ms (is it stopped or overloaded?); the session ends with this process")
    };
    assert!(lines.iter().all(ends), "{lines:#?}");
}

#[test]
fn with_strict_a_broker_that_stands_still_lets_nobody_in() {
    let machine = Machine::up();
    install_application(&machine, "strict");
    machine.broker().signal(Signal::STOP);
    let told = apply(&machine, &["open", "env"]);
    let (code, took) =
        told.trim().strip_prefix("open ").and_then(|rest| rest.split_once(' ')).expect("a code");
    // PAM_SESSION_ERR
    assert_eq!(code, "14", "{told}");
    assert!((1_400_000..6_000_000).contains(&took.parse::<u64>().expect("microseconds")), "{told}");
    assert!(await_lines(&machine, 1)[0].ends_with("; no login, by the option strict"));
    machine.broker().signal(Signal::CONT);
    machine.await_nothing_left();
}
