//! A broker of the driver's, and strace, which lists its system calls, or kills it at one.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PROGRAM: &str = "/usr/sbin/ck-broker";
/// Where strace writes the calls down.
const TRACE: &str = "/tmp/crash-trace";
/// As much of that as was written until the broker had done what it was to do.
const TRACE_OF_SPAN: &str = "/tmp/crash-trace-of-span";
const LOG: &str = "/tmp/crash-log";
/// Far more than any of this takes.
const LONGEST: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_micros(200);
/// epoll_wait(2) and epoll_pwait(2), as `/proc/PID/syscall` has them.
const WAITING: [&str; 2] = ["232", "281"];

/// A system call: the `nth` of this name, counted from the beginning of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    name: String,
    nth: usize,
}

/// Where the broker is to be killed: when it enters this call, before anything of it is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kill {
    pub(crate) before: Option<Call>,
    /// Whether the module that waits then is to ask again.
    pub(crate) asks_again: bool,
}

impl Kill {
    fn options(&self) -> Vec<String> {
        // strace counts the calls of each name by itself.
        let inject = |call: &Call| format!("inject={}:signal=KILL:when={}", call.name, call.nth);
        self.before
            .iter()
            .flat_map(|call| ["-e".to_owned(), "trace=all".to_owned(), "-e".to_owned(), inject(call)])
            .collect()
    }
}

/// A broker that may be traced.
pub(crate) struct Broker {
    child: Child,
    /// strace, if that is not `child`.
    tracer: Option<Child>,
    traced: bool,
    /// How long the log was when the tracing began.
    seen: usize,
}

impl Broker {
    /// Starts one, and returns when it serves.
    pub(crate) fn start() -> Self {
        let mut broker = Self::spawn(&[]);
        assert!(broker.is_ready(), "the broker did not start: {}", log());
        broker
    }

    /// Starts one that is traced from execve(2) on.
    pub(crate) fn start_traced(kill: &Kill) -> Self {
        let options = kill.options();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let mut broker = Self::spawn(&[&["strace", "-qq", "-o", TRACE], &options[..]].concat());
        broker.traced = true;
        broker.is_ready();
        broker
    }

    fn spawn(by: &[&str]) -> Self {
        let log = File::create(LOG).expect("a log");
        let mut command = Command::new("sh");
        // A pipe of ours is the standard output; the broker wants another descriptor for its readiness.
        command.args(["-c", "exec \"$@\" 3>&1", "sh"]).args(by).args([PROGRAM, "--ready-fd=3"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let child = command.spawn().expect("start a broker");
        Self { child, tracer: None, traced: false, seen: 0 }
    }

    fn is_ready(&mut self) -> bool {
        let mut newline = [0];
        let stdout = self.child.stdout.as_mut().expect("a pipe");
        stdout.read(&mut newline).expect("read from the broker") == 1
    }

    /// Traces it from now on.
    pub(crate) fn trace(&mut self, kill: &Kill) {
        self.seen = log().len();
        let mut command = Command::new("strace");
        command.args(["-o", TRACE, "-p", &self.child.id().to_string()]).args(kill.options());
        let mut tracer = command.stderr(Stdio::piped()).spawn().expect("strace");
        let mut said = BufReader::new(tracer.stderr.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("read from strace");
        assert!(line.contains("attached"), "strace: {line}");
        self.tracer = Some(tracer);
        self.traced = true;
    }

    /// Waits until it was killed, or else its log holds `last` and it waits for what comes next; then it is let
    /// go. Says whether it was killed.
    pub(crate) fn was_killed(&mut self, last: &str) -> bool {
        assert!(self.traced);
        let start = Instant::now();
        loop {
            if self.is_over() {
                let _ = self.tracer.take().map(|mut tracer| tracer.wait());
                return true;
            }
            if log().get(self.seen..).is_some_and(|new| new.contains(last)) && self.is_waiting() {
                self.let_go();
                return false;
            }
            assert!(start.elapsed() < LONGEST, "neither killed nor done: {}", log());
            sleep(LOOK_EVERY);
        }
    }

    /// The same while it stops.
    pub(crate) fn was_killed_while_stopping(&mut self) -> bool {
        signal("-TERM", self.child.id());
        let status = self.child.wait().expect("wait for the broker");
        let _ = self.tracer.take().map(|mut tracer| tracer.wait());
        // There is a trace of all of it.
        self.let_go();
        !status.success()
    }

    fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("wait for a child").is_some()
    }

    /// Whether it sleeps in epoll_wait(2). One that something was sent to before is awake.
    fn is_waiting(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let of = |name| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let call = of("syscall");
        let call = call.split(' ').next().unwrap_or_default();
        WAITING.contains(&call) && of("stat").contains(") S ")
    }

    fn pid(&self) -> Option<u32> {
        if self.tracer.is_some() || !self.traced {
            return Some(self.child.id());
        }
        let strace = self.child.id();
        fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).ok()?.trim().parse().ok()
    }

    /// Ends the tracing. A broker that strace has started is stopped in order: it is not our child.
    fn let_go(&mut self) {
        // What comes after is not of interest, such as the end of a broker that cannot be let go.
        let trace = fs::read(TRACE).expect("a trace");
        if let Some(mut tracer) = self.tracer.take() {
            signal("-INT", tracer.id());
            tracer.wait().expect("wait for strace");
            self.traced = false;
        }
        fs::write(TRACE_OF_SPAN, trace).expect("write a trace");
    }

    /// Stops it in order, if it still runs.
    pub(crate) fn stop(mut self) {
        if !self.is_over() {
            signal("-TERM", self.pid().expect("a broker"));
            self.child.wait().expect("wait for the broker");
        }
    }

    /// Kills it, if it still runs.
    pub(crate) fn kill(mut self) {
        if !self.is_over() {
            signal("-KILL", self.pid().expect("a broker"));
            self.child.wait().expect("wait for the broker");
        }
    }
}

fn signal(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill").success());
}

/// What the broker has said.
pub(crate) fn log() -> String {
    fs::read_to_string(PathBuf::from(LOG)).unwrap_or_default()
}

/// Every call in the trace.
pub(crate) fn calls() -> Vec<Call> {
    let trace = fs::read(TRACE_OF_SPAN).expect("a trace");
    let trace = String::from_utf8_lossy(&trace);
    let mut made: HashMap<&str, usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        // Others are about signals and the end.
        let Some((name, _)) =
            line.split_once('(').filter(|_| line.starts_with(|c: char| c.is_ascii_lowercase()))
        else {
            continue;
        };
        let nth = made.entry(name).or_default();
        *nth += 1;
        calls.push(Call { name: name.to_owned(), nth: *nth });
    }
    calls
}
