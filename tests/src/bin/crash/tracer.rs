//! strace, which lists the system calls of a process, or kills it at one.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where strace writes the calls down.
pub(crate) const TRACE: &str = "/tmp/crash-trace";
/// As much of that as was written until the process had done what it was to do.
const TRACE_OF_SPAN: &str = "/tmp/crash-trace-of-span";
/// Far more than any of this takes.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);
pub(crate) const LOOK_EVERY: Duration = Duration::from_micros(200);

/// A system call: the `nth` of this name, counted from the beginning of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    nth: usize,
}

/// Where a process is to be killed: when it enters this call, before anything of it is done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kill {
    pub(crate) before: Option<Call>,
    /// Whether the module that waits then is to ask again.
    pub(crate) asks_again: bool,
}

impl Kill {
    pub(crate) fn options(&self) -> Vec<String> {
        // strace counts the calls of each name by itself.
        let inject = |call: &Call| format!("inject={}:signal=KILL:when={}", call.name, call.nth);
        self.before
            .iter()
            .flat_map(|call| ["-e".to_owned(), "trace=all".to_owned(), "-e".to_owned(), inject(call)])
            .collect()
    }
}

/// strace at a process that runs.
pub(crate) struct Tracer {
    strace: Child,
    /// Open as long as strace may say something.
    _said: BufReader<ChildStderr>,
    pid: u32,
}

impl Tracer {
    pub(crate) fn attach(pid: u32, kill: &Kill) -> Self {
        Self::with(pid, kill.options())
    }

    /// Each program that the process starts is stopped before its first call.
    pub(crate) fn stop_children(pid: u32) -> Self {
        let options = ["-f", "-e", "trace=execve", "-e", "inject=execve:signal=STOP"];
        Self::with(pid, options.map(str::to_owned).to_vec())
    }

    fn with(pid: u32, options: Vec<String>) -> Self {
        let mut command = Command::new("strace");
        command.args(["-o", TRACE, "-p", &pid.to_string()]).args(options);
        let mut strace = command.stderr(Stdio::piped()).spawn().expect("strace");
        let mut said = BufReader::new(strace.stderr.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("read from strace");
        assert!(line.contains("attached"), "strace: {line}");
        Self { strace, _said: said, pid }
    }

    /// Waits until the process was killed or has ended, or else `is_done` says so of it; then it is let go. Says whether it was
    /// killed.
    pub(crate) fn was_killed(mut self, is_done: impl Fn(u32) -> bool) -> bool {
        let start = Instant::now();
        while !is_done(self.pid) {
            if self.strace.try_wait().expect("wait for strace").is_some() {
                keep_trace();
                return fs::read_to_string(TRACE).expect("a trace").contains("+++ killed by SIGKILL");
            }
            assert!(start.elapsed() < LONGEST, "{}: neither killed nor done", self.pid);
            sleep(LOOK_EVERY);
        }
        keep_trace();
        self.let_go();
        false
    }

    /// Waits for the end of it, as the process has ended.
    pub(crate) fn wait(mut self) {
        self.strace.wait().expect("wait for strace");
    }

    /// Lets the process go.
    pub(crate) fn let_go(self) {
        signal("-INT", self.strace.id());
        self.wait();
    }
}

/// What comes later is not of interest, such as the end of a process that cannot be let go.
pub(crate) fn keep_trace() {
    fs::copy(TRACE, TRACE_OF_SPAN).expect("copy a trace");
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

/// Whether the process sleeps in one of these calls, which are numbers as in `/proc/PID/syscall`. One that something was sent
/// to before is awake.
pub(crate) fn waits_in(pid: u32, calls: &[&str]) -> bool {
    let call = of(pid, "syscall");
    calls.contains(&call.split(' ').next().unwrap_or_default()) && of(pid, "stat").contains(") S ")
}

/// Whether a signal has stopped the process.
pub(crate) fn is_stopped(pid: u32) -> bool {
    let stat = of(pid, "stat");
    stat.contains(") T ") || stat.contains(") t ")
}

fn of(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default()
}

pub(crate) fn signal(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill").success());
}
