//! A program that was started in a host.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open};

use crate::wait::{patience, readable, wait_until};

/// What a program that ended left behind.
#[derive(Debug)]
pub struct Output {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

/// A program that runs in a host, until it ends or this value is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// Readable once the child has ended; unlike a pid it never means somebody else.
    pidfd: OwnedFd,
    stdout: File,
    stderr: File,
}

/// A process that is inside of a host, by the two numbers that it has.
struct Inside {
    seen_from_here: Pid,
    seen_from_there: i32,
}

/// A file for what a program prints. Not a pipe, because the end of a pipe only comes when *every* process that has
/// it is gone: an `ssh` that stays in the background would keep a test waiting for the output of one that ended.
pub(crate) fn captured() -> (File, Stdio) {
    let file = File::from(memfd_create("captured", MemfdFlags::CLOEXEC).expect("memfd_create"));
    let for_child = file.try_clone().expect("duplicate a descriptor");
    (file, for_child.into())
}

/// All of `file`, wherever its shared offset is.
pub(crate) fn contents(file: &File) -> String {
    let length = file.metadata().expect("size of the output").len();
    let mut bytes = vec![0; usize::try_from(length).expect("output that fits in memory")];
    file.read_exact_at(&mut bytes, 0).expect("read the output");
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Running {
    /// Starts `enter`, a command that goes into a host, in a process group of its own and with its output captured.
    pub(crate) fn start(mut enter: Command) -> Self {
        let (stdout, child_stdout) = captured();
        let (stderr, child_stderr) = captured();
        enter.stdin(Stdio::null()).stdout(child_stdout).stderr(child_stderr);
        Self::start_with(enter, stdout, stderr)
    }

    /// The same on a terminal: nothing is captured.
    pub(crate) fn start_on(mut enter: Command, terminal: OwnedFd) -> Self {
        let duplicate = || terminal.try_clone().expect("duplicate a descriptor");
        enter.stdin(duplicate()).stdout(duplicate()).stderr(duplicate());
        Self::start_with(enter, captured().0, captured().0)
    }

    fn start_with(mut enter: Command, stdout: File, stderr: File) -> Self {
        let child = enter.process_group(0).spawn().expect("start tests/host/host");
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).expect("pidfd_open");
        Self { child, pidfd, stdout, stderr }
    }

    /// How it ended, or `None` if it has not within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        readable(&self.pidfd, patience(limit)).then(|| self.child.wait().expect("wait for a child"))
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        readable(&self.pidfd, Duration::ZERO)
    }

    /// What it has printed on its standard output up to now. Empty for a program on a terminal: see [`crate::Pty`].
    pub fn stdout(&self) -> String {
        contents(&self.stdout)
    }

    /// What it has printed on its standard error up to now.
    pub fn stderr(&self) -> String {
        contents(&self.stderr)
    }

    /// Its pid, as it is inside of the host.
    pub fn pid(&self) -> i32 {
        self.await_inside().seen_from_there
    }

    /// Its pid, as this machine sees it.
    pub fn pid_outside(&self) -> i32 {
        self.await_inside().seen_from_here.as_raw_nonzero().get()
    }

    /// Sends it a signal: to the program itself, not to its process group.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.await_inside().seen_from_here, signal).expect("send a signal");
    }

    fn await_inside(&self) -> Inside {
        let mut found = None;
        wait_until(Duration::from_secs(5), "the program is in the host", || {
            found = self.inside();
            found.is_some()
        });
        found.expect("just seen")
    }

    /// The program is the child of the `nsenter` that we started, and one pid namespace further in. (Before it becomes
    /// `nsenter`, the script has other children; those are not.)
    fn inside(&self) -> Option<Inside> {
        let outer = self.child.id();
        let own_level = pids(&outer.to_string())?.len();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
        children.split_whitespace().find_map(|child| {
            let numbers = pids(child)?;
            let seen_from_there = *numbers.last().filter(|_| numbers.len() > own_level)?;
            Some(Inside { seen_from_here: Pid::from_raw(child.parse().ok()?)?, seen_from_there })
        })
    }
}

/// The numbers of a process, from our pid namespace to its own (`NSpid` of proc_pid_status(5)).
fn pids(process: &str) -> Option<Vec<i32>> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    numbers.split_whitespace().map(|number| number.parse().ok()).collect()
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over() {
            // It may have left the process group (a login on a terminal has), so it is killed by itself too. Either may
            // be gone by the time we get there.
            if let Some(inside) = self.inside() {
                let _ = kill_process(inside.seen_from_here, Signal::KILL);
            }
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.wait();
    }
}
