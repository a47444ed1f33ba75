//! A child process that does what may block or must not be done as root, watched until it ends.
//!
//! A call can hang in the kernel where not even SIGKILL ends it, as long as somebody else likes: whoever may read
//! a directory can hold its lock (getdents64(2) into memory that their own FUSE server never fills). So whatever
//! could wait for such a lock is done in a child, and one that cannot be ended is left behind, and named.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
    waitid,
};

use crate::answer::{Answer, MAX_PACKET, Reply};
use crate::cause::Cause;
use crate::sys;

/// How long a child may say nothing before it is killed. One that works says something every 50 ms.
const MAX_SILENCE: Duration = Duration::from_secs(1);

/// How long a killed child may take to end before it is left behind (a call that cannot be interrupted).
pub(crate) const KILL_GRACE: Duration = Duration::from_secs(1);

/// Why there is no answer from a child.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
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

impl WorkerError {
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

/// Whose a child is, and so what its silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The user's, who can stop it (SIGSTOP), starve it (sched_setscheduler(2)) and hang it: silence is the end of it.
    Users,
    /// Root's, which can be hung. Otherwise its silence is work: a file system of millions of files goes in one
    /// call, in which the child runs.
    Roots,
}

/// A running child.
pub(crate) struct Worker {
    pid: Pid,
    whose: Whose,
    pidfd: OwnedFd,
    answers: OwnedFd,
    /// The child has closed its end: no more answers come.
    silent: bool,
}

impl Worker {
    /// Starts a child that runs `work` with `directory` and a [`Reply`], and holds no other descriptor.
    pub(crate) fn start(
        whose: Whose,
        directory: BorrowedFd<'_>,
        work: impl FnOnce(BorrowedFd<'_>, Reply<'_>),
    ) -> Result<Self, WorkerError> {
        Self::start_with(whose, &[directory.as_raw_fd()], |reply| work(directory, reply))
    }

    /// The same with the descriptors in `keep`.
    pub(crate) fn start_with(
        whose: Whose,
        keep: &[RawFd],
        work: impl FnOnce(Reply<'_>),
    ) -> Result<Self, WorkerError> {
        let (answers, pipe) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT).map_err(|e| WorkerError::Pipe(e.into()))?;
        let reply = Reply { pipe: pipe.as_fd(), parent: getpid() };
        let keep = [keep, &[pipe.as_raw_fd()]].concat();
        let pid = sys::fork_child(&keep, || work(reply)).map_err(|errno| WorkerError::Fork(errno.into()))?;
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { pid, whose, pidfd, answers, silent: false }),
            Err(errno) => {
                let _ = kill_process(pid, Signal::KILL);
                Err(WorkerError::Watch(errno.into()))
            }
        }
    }

    /// Reads the child's answer until it ends. It is killed at `deadline`, and before if it is silent too long.
    ///
    /// Returns at most [`KILL_GRACE`] after `deadline`: a child that even SIGKILL does not end waits in a
    /// call that cannot be interrupted, and is left behind.
    pub(crate) fn watch(mut self, deadline: Instant) -> Result<Answer, WorkerError> {
        let mut answer = Answer::default();
        let mut killed = false;
        let mut until = deadline.min(Instant::now() + MAX_SILENCE);
        loop {
            match self.wait(until)? {
                Event::Packet => {
                    self.take_packet(&mut answer)?;
                    until = if killed { until } else { deadline.min(Instant::now() + MAX_SILENCE) };
                }
                Event::Ended => break,
                Event::Nothing => {}
                Event::Late if killed => {
                    answer.left_behind = Some(self.pid);
                    return Ok(answer);
                }
                Event::Late if Instant::now() < deadline && self.may_be_silent() => {
                    until = deadline.min(Instant::now() + MAX_SILENCE);
                }
                Event::Late => {
                    killed = true;
                    until = Instant::now() + KILL_GRACE;
                    let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
                }
            }
        }
        // ECHILD where our own parent left SIGCHLD ignored: the kernel has reaped it already.
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        Ok(answer)
    }

    /// Whether the child's silence may be work.
    fn may_be_silent(&self) -> bool {
        self.whose == Whose::Roots && !waits_uninterruptibly(self.pid)
    }

    /// Waits for the next thing to happen; packets go first, so that none is lost when the child ends.
    fn wait(&mut self, until: Instant) -> Result<Event, WorkerError> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(|_| WorkerError::Wait(Errno::INVAL.into()))?;
        let mut fds = [PollFd::new(&self.pidfd, PollFlags::IN), PollFd::new(&self.answers, PollFlags::IN)];
        // A child closes its end some time before it has ended, and a closed pipe is always ready.
        let (watched, _) = fds.split_at_mut(if self.silent { 1 } else { 2 });
        match poll(watched, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(WorkerError::Wait(errno.into())),
        }
        let [ended, answers] = fds.map(|fd| fd.revents());
        Ok(if answers.contains(PollFlags::IN) {
            Event::Packet
        } else if ended.contains(PollFlags::IN) {
            Event::Ended
        } else if !answers.is_empty() {
            self.silent = true;
            Event::Nothing
        } else if Instant::now() >= until {
            Event::Late
        } else {
            Event::Nothing
        })
    }

    fn take_packet(&self, answer: &mut Answer) -> Result<(), WorkerError> {
        let mut packet = [0; MAX_PACKET];
        let length = read(&self.answers, &mut packet).map_err(|errno| WorkerError::Wait(errno.into()))?;
        answer.take(packet.get(..length).unwrap_or_default());
        Ok(())
    }
}

/// What a wait for a child ended with.
enum Event {
    Packet,
    Ended,
    Late,
    /// Something that does not matter.
    Nothing,
}

/// Whether `pid` is in a wait that no signal ends: state D (proc_pid_stat(5)). What cannot be read is taken for no.
fn waits_uninterruptibly(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name before it is in parentheses, and may hold some itself.
    stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('D'))
}
