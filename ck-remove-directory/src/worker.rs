//! A child process that does what may block or must not be done as root, watched until a deadline.
//!
//! It answers through a packet pipe (O_DIRECT, pipe(2)): each packet is a kind byte and a bounded body, so
//! that a child that is killed half-way has still said how far it came.

use std::error::Error;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, kill_process, pidfd_open, pidfd_send_signal,
    waitid,
};

use crate::cause::Cause;
use crate::sys;

/// Longest text of a failure; longer ones are cut.
const MAX_FAILURE: usize = 400;

/// How long a killed child may take to end before it is left behind (a call that cannot be interrupted).
const KILL_GRACE: Duration = Duration::from_secs(1);

const COUNT: u8 = b'C';
const FAILURE: u8 = b'F';
const CONFINED: u8 = b'L';

/// Why there is no answer from a child.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorkerError {
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
            Self::Pipe(cause) | Self::Fork(cause) | Self::Watch(cause) | Self::Wait(cause) => *cause,
        }
    }
}

/// The child's way to answer.
pub(crate) struct Reply<'a> {
    pipe: BorrowedFd<'a>,
    /// The process that started the child: when it is gone, nobody wants the answer.
    pub(crate) parent: Pid,
}

impl Reply<'_> {
    /// Says how much was done so far. The last count is the one that holds.
    pub(crate) fn count(&self, count: u64) {
        let mut packet = vec![COUNT];
        packet.extend_from_slice(&count.to_le_bytes());
        self.send(&packet);
    }

    /// Says that the child is confined to the directory from now on.
    pub(crate) fn confined(&self) {
        self.send(&[CONFINED]);
    }

    /// Says why nothing was done.
    pub(crate) fn failure(&self, error: &(dyn Error + 'static)) {
        let cause = error.source().and_then(|source| source.downcast_ref::<Cause>().copied());
        let mut packet = vec![FAILURE];
        packet.extend_from_slice(&cause.unwrap_or(Cause(Errno::PERM)).0.raw_os_error().to_le_bytes());
        packet.extend(error.to_string().bytes().take(MAX_FAILURE));
        self.send(&packet);
    }

    /// A parent that no longer listens is about to kill this child anyway.
    fn send(&self, packet: &[u8]) {
        let _ = write(self.pipe, packet);
    }
}

/// What a child said before it ended or was killed.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The last count, if there was one.
    pub(crate) count: Option<u64>,
    /// It was confined to the directory ([`crate::confine`]).
    pub(crate) confined: bool,
    /// Why it did nothing.
    pub(crate) failure: Option<(Cause, String)>,
}

/// A running child.
pub(crate) struct Worker {
    pidfd: OwnedFd,
    answers: OwnedFd,
    /// The child has closed its end: no more answers come.
    silent: bool,
}

impl Worker {
    /// Starts a child that runs `work` with `directory` and a [`Reply`], and holds no other descriptor.
    pub(crate) fn start(
        directory: BorrowedFd<'_>,
        work: impl FnOnce(BorrowedFd<'_>, Reply<'_>),
    ) -> Result<Self, WorkerError> {
        let (answers, pipe) =
            pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT).map_err(|e| WorkerError::Pipe(e.into()))?;
        let reply = Reply { pipe: pipe.as_fd(), parent: getpid() };
        let child = sys::fork_child([directory, pipe.as_fd()], || work(directory, reply))
            .map_err(|errno| WorkerError::Fork(errno.into()))?;
        match pidfd_open(child, PidfdFlags::empty()) {
            Ok(pidfd) => Ok(Self { pidfd, answers, silent: false }),
            Err(errno) => {
                let _ = kill_process(child, Signal::KILL);
                Err(WorkerError::Watch(errno.into()))
            }
        }
    }

    /// Reads the child's answer until it ends, and kills it at `deadline`.
    ///
    /// Returns at most [`KILL_GRACE`] after `deadline`: a child that even SIGKILL does not end waits in a
    /// call that cannot be interrupted, and is left behind.
    pub(crate) fn watch(mut self, deadline: Instant) -> Result<Answer, WorkerError> {
        let mut answer = Answer::default();
        let mut until = deadline;
        let mut killed = false;
        loop {
            match self.wait(until)? {
                Event::Packet => {
                    self.take_packet(&mut answer)?;
                }
                Event::Ended => break,
                Event::Nothing => {}
                Event::Late if killed => return Ok(answer),
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
        let mut packet = [0; 1 + size_of::<i32>() + MAX_FAILURE];
        let length = read(&self.answers, &mut packet).map_err(|errno| WorkerError::Wait(errno.into()))?;
        match packet.get(..length) {
            Some([CONFINED]) => answer.confined = true,
            Some([COUNT, body @ ..]) => answer.count = body.try_into().ok().map(u64::from_le_bytes),
            Some([FAILURE, e0, e1, e2, e3, text @ ..]) => {
                let cause = Cause(Errno::from_raw_os_error(i32::from_le_bytes([*e0, *e1, *e2, *e3])));
                answer.failure = Some((cause, String::from_utf8_lossy(text).into_owned()));
            }
            _ => {}
        }
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
