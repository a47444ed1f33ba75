//! A child process that does what may block, or what must not be done as root. Its parent watches it until it ends.
//!
//! A system call can hang in the kernel for as long as another user wants, and SIGKILL does not end it: every user
//! who may read a directory can hold its lock (getdents64(2) into memory that their own FUSE server never fills).
//! Everything that may wait for such a lock is therefore done in a child. A child that cannot be ended is left behind
//! and reported.

use crate::{
    answer::{Answer, AnswerSender, MAX_PACKET},
    cause::Cause,
    sys,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, read},
    pipe::{PipeFlags, pipe_with},
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
        waitid,
    },
};
use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    time::{Duration, Instant},
};

/// How long a child may send nothing before it is killed. A child that makes progress sends something every 50 ms.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a child may take to end after SIGKILL before it is left behind.
pub(crate) const KILL_TIMEOUT: Duration = Duration::from_secs(1);

/// Why there is no answer from a child.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChildError {
    #[error("cannot make a memory file (memfd_create)")]
    Output(#[source] Cause),
    #[error("cannot make a pipe")]
    Pipe(#[source] Cause),
    #[error("cannot start a child process")]
    Fork(#[source] Cause),
    #[error("cannot watch the child process (pidfd_open, Linux 5.3)")]
    Watch(#[source] Cause),
    #[error("cannot wait for the child process")]
    Wait(#[source] Cause),
}

impl ChildError {
    /// The errno of the call that failed.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::Output(cause)
            | Self::Pipe(cause)
            | Self::Fork(cause)
            | Self::Watch(cause)
            | Self::Wait(cause) => *cause,
        }
    }
}

/// The uid that a child works as. It decides what the child's silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunsAs {
    /// The child works as the user, who can stop it (SIGSTOP), starve it (sched_setscheduler(2)) and make it hang. It
    /// is killed after [`SILENCE_TIMEOUT`].
    User,
    /// The child works as root. The user can only make it hang. A silent child that does not hang is working: one
    /// call can free a file system of millions of files.
    Root,
}

/// A running child process.
pub(crate) struct ChildProcess {
    pid: Pid,
    runs_as: RunsAs,
    pidfd: OwnedFd,
    pipe: OwnedFd,
    /// True if the child has closed its end of the pipe: no more packets come.
    pipe_closed: bool,
}

impl ChildProcess {
    /// Starts a child that runs `work` with `directory` and an [`AnswerSender`], and has no other descriptor.
    pub(crate) fn start(
        runs_as: RunsAs,
        directory: BorrowedFd<'_>,
        work: impl FnOnce(BorrowedFd<'_>, AnswerSender<'_>),
    ) -> Result<Self, ChildError> {
        Self::start_with(runs_as, &[directory.as_raw_fd()], |sender| work(directory, sender))
    }

    /// Starts a child that runs `work` with an [`AnswerSender`], and has the descriptors in `keep`.
    pub(crate) fn start_with(
        runs_as: RunsAs,
        keep: &[RawFd],
        work: impl FnOnce(AnswerSender<'_>),
    ) -> Result<Self, ChildError> {
        let (pipe, child_end) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT).map_err(|e| ChildError::Pipe(e.into()))?;
        let sender = AnswerSender { pipe: child_end.as_fd(), parent: getpid() };
        let keep = [keep, &[child_end.as_raw_fd()]].concat();
        let pid = sys::fork_child(&keep, || work(sender)).map_err(|errno| ChildError::Fork(errno.into()))?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { pid, runs_as, pidfd, pipe, pipe_closed: false }),
            Err(errno) => {
                let _ = kill_process(pid, Signal::KILL);
                Err(ChildError::Watch(errno.into()))
            }
        }
    }

    /// Reads the child's answer until the child ends. The child is killed at `deadline`, or earlier if it is silent
    /// for too long.
    ///
    /// Returns at most [`KILL_TIMEOUT`] after `deadline`. A child that SIGKILL does not end is in a call that cannot be
    /// interrupted. It is left behind.
    pub(crate) fn watch(mut self, deadline: Instant) -> Result<Answer, ChildError> {
        let mut answer = Answer::default();
        let mut killed = false;
        let mut until = deadline.min(Instant::now() + SILENCE_TIMEOUT);
        loop {
            match self.wait(until)? {
                Event::Packet => {
                    self.read_packet(&mut answer)?;
                    until = if killed { until } else { deadline.min(Instant::now() + SILENCE_TIMEOUT) };
                }
                Event::Ended => break,
                Event::Nothing => {}
                Event::Timeout if killed => {
                    answer.abandoned = Some(self.pid);
                    return Ok(answer);
                }
                Event::Timeout if Instant::now() < deadline && self.may_be_working() => {
                    until = deadline.min(Instant::now() + SILENCE_TIMEOUT);
                }
                Event::Timeout => {
                    killed = true;
                    until = Instant::now() + KILL_TIMEOUT;
                    let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
                }
            }
        }
        // ECHILD if our own parent has left SIGCHLD ignored: the kernel has reaped the child already.
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        Ok(answer)
    }

    /// True if the child may be silent because it works.
    fn may_be_working(&self) -> bool {
        self.runs_as == RunsAs::Root && !waits_uninterruptibly(self.pid)
    }

    /// Waits for the next event. Packets come before the end of the child, so that none is lost.
    fn wait(&mut self, until: Instant) -> Result<Event, ChildError> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| ChildError::Wait(Errno::INVAL.into()))?;
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN), PollFd::new(&self.pipe, PollFlags::IN)];
        // A child closes its end of the pipe some time before it has ended, and a closed pipe is always ready.
        let (watched, _) = fds.split_at_mut(if self.pipe_closed { 1 } else { 2 });
        match poll(watched, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(ChildError::Wait(errno.into())),
        }
        let [process, pipe] = fds.map(|fd| fd.revents());
        Ok(if pipe.contains(PollFlags::IN) {
            Event::Packet
        } else if process.contains(PollFlags::IN) {
            Event::Ended
        } else if !pipe.is_empty() {
            self.pipe_closed = true;
            Event::Nothing
        } else if Instant::now() >= until {
            Event::Timeout
        } else {
            Event::Nothing
        })
    }

    fn read_packet(&self, answer: &mut Answer) -> Result<(), ChildError> {
        let mut packet = [0; MAX_PACKET];
        let length = read(&self.pipe, &mut packet).map_err(|errno| ChildError::Wait(errno.into()))?;
        answer.add(packet.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// The result of one wait for a child.
enum Event {
    Packet,
    Ended,
    Timeout,
    /// The wait ended early, for a reason that does not matter.
    Nothing,
}

/// True if `pid` is in a wait that no signal ends: state D (proc_pid_stat(5)). False if its state cannot be read.
fn waits_uninterruptibly(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The state follows the name, which is in parentheses and may contain some itself.
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('D'))
}
