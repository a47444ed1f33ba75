//! A broker of the driver's, which may be traced.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Instant;

use crate::tracer::{self, Kill, LONGEST, LOOK_EVERY, TRACE, Tracer, signal};

const PROGRAM: &str = "/usr/sbin/ck-broker";
const LOG: &str = "/tmp/crash-log";
/// epoll_wait(2) and epoll_pwait(2), as `/proc/PID/syscall` has them.
const WAITING: [&str; 2] = ["232", "281"];

/// A broker that may be traced.
pub(crate) struct Broker {
    child: Child,
    /// strace, if that is not `child`.
    tracer: Option<Tracer>,
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
        self.tracer = Some(Tracer::attach(self.child.id(), kill));
        self.traced = true;
    }

    /// Waits until it was killed, or else its log holds `last` and it waits for what comes next; then it is let
    /// go. Says whether it was killed.
    pub(crate) fn was_killed(&mut self, last: &str) -> bool {
        assert!(self.traced);
        let start = Instant::now();
        loop {
            if self.is_over() {
                let _ = self.tracer.take().map(Tracer::wait);
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
        let _ = self.tracer.take().map(Tracer::wait);
        // There is a trace of all of it.
        self.let_go();
        !status.success()
    }

    fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("wait for a child").is_some()
    }

    /// Whether it sleeps in epoll_wait(2).
    fn is_waiting(&self) -> bool {
        self.pid().is_some_and(|pid| tracer::waits_in(pid, &WAITING))
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        if self.tracer.is_some() || !self.traced {
            return Some(self.child.id());
        }
        let strace = self.child.id();
        fs::read_to_string(format!("/proc/{strace}/task/{strace}/children")).ok()?.trim().parse().ok()
    }

    /// Ends the tracing. A broker that strace has started is stopped in order: it is not our child.
    fn let_go(&mut self) {
        tracer::keep_trace();
        if let Some(tracer) = self.tracer.take() {
            tracer.let_go();
            self.traced = false;
        }
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

/// What the broker has said.
pub(crate) fn log() -> String {
    fs::read_to_string(PathBuf::from(LOG)).unwrap_or_default()
}
