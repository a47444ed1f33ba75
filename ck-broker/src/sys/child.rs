//! A child process. A pidfd watches it, and a deadline ends it.

use rustix::{
    event::{PollFlags, Timespec},
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, kill_process, kill_process_group, pidfd_open,
        pidfd_send_signal, waitpid,
    },
};
use std::{
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::ExitStatusExt,
    },
    process::ExitStatus,
    time::{Duration, Instant},
};

/// The time after SIGKILL from which on a child counts as hanging.
const KILL_TIME: Duration = Duration::from_secs(5);

/// The status of a child that cannot be waited for: exit status 1 in the encoding of wait(2), so that it counts as
/// failed.
const UNKNOWN: i32 = 1 << 8;

/// The time limit of a child, and the signals that end it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    at: Instant,
    /// The time between SIGTERM and SIGKILL. `None`: SIGKILL at once.
    term_time: Option<Duration>,
}

impl Deadline {
    /// SIGKILL at `at`.
    pub(crate) fn kill(at: Instant) -> Self {
        Self { at, term_time: None }
    }

    /// SIGTERM at `at`, SIGKILL after `term_time`.
    pub(crate) fn terminate(at: Instant, term_time: Duration) -> Self {
        Self { at, term_time: Some(term_time) }
    }
}

/// The step that was taken to end a child whose time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expired {
    /// It was sent SIGTERM.
    Terminated,
    /// It was sent SIGKILL.
    Killed,
    /// SIGKILL has not ended it: it hangs in the kernel. It has no deadline any more.
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Running,
    Terminated,
    Killed,
    Hangs,
}

/// A child of the broker.
#[derive(Debug)]
pub(crate) struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    /// True if signals are sent to its process group.
    leads_group: bool,
    deadline: Option<Deadline>,
    stage: Stage,
    status: Option<ExitStatus>,
}

impl Child {
    /// Watches the child `pid`, which has not been waited for.
    ///
    /// # Errors
    /// pidfd_open(2); then the child was killed and waited for. It has just been started, so it dies at once.
    pub(super) fn watch(pid: Pid, leads_group: bool) -> Result<Self, Errno> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).inspect_err(|_| {
            // The error of pidfd_open(2) is the one that matters.
            let _ = kill_process(pid, Signal::KILL).and_then(|()| waitpid(Some(pid), WaitOptions::empty()));
        })?;
        Ok(Self { pid, pidfd, leads_group, deadline: None, stage: Stage::Running, status: None })
    }

    /// Sets its time limit.
    pub(crate) fn with_deadline(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// The time at which [`Child::expire`] has to be called, if the child has not ended by then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline.map(|deadline| deadline.at)
    }

    /// True if its time was over before it ended.
    pub(crate) fn was_late(&self) -> bool {
        self.stage != Stage::Running
    }

    /// True if SIGKILL was sent to it.
    pub(crate) fn was_killed(&self) -> bool {
        matches!(self.stage, Stage::Killed | Stage::Hangs)
    }

    /// Its exit status, if it has ended.
    ///
    /// A child that leads a process group is not reaped between SIGTERM and SIGKILL. Its pid stays the id of the group
    /// only until it is reaped, and the rest of the group has its time too.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() && !(self.leads_group && self.stage == Stage::Terminated) {
            self.status = match waitpid(Some(self.pid), WaitOptions::NOHANG) {
                Ok(ended) => ended.map(|(_, status)| ExitStatus::from_raw(status.as_raw())),
                Err(errno) => {
                    log::error!("cannot wait for process {}: {errno}", self.pid());
                    Some(ExitStatus::from_raw(UNKNOWN))
                }
            };
        }
        self.status
    }

    /// Waits for its end, for at most `time`.
    ///
    /// # Errors
    /// poll(2)
    pub(crate) fn status_within(&mut self, time: Duration) -> Result<Option<ExitStatus>, Errno> {
        let time = Timespec::try_from(time).map_err(|_| Errno::INVAL)?;
        crate::poll::within(&self.pidfd, PollFlags::IN, &time)?;
        Ok(self.status())
    }

    /// Takes the next step to end it, if its time is over at `now`.
    pub(crate) fn expire(&mut self, now: Instant) -> Option<Expired> {
        let deadline = self.deadline.filter(|deadline| deadline.at <= now)?;
        match (self.stage, deadline.term_time) {
            (Stage::Running, Some(term_time)) => {
                self.deadline = Some(Deadline { at: now + term_time, ..deadline });
                self.stage = Stage::Terminated;
                self.signal(Signal::TERM);
                Some(Expired::Terminated)
            }
            (Stage::Running | Stage::Terminated, _) => {
                self.deadline = Some(Deadline { at: now + KILL_TIME, ..deadline });
                self.kill();
                Some(Expired::Killed)
            }
            (Stage::Killed | Stage::Hangs, _) => {
                self.deadline = None;
                self.stage = Stage::Hangs;
                Some(Expired::Hangs)
            }
        }
    }

    /// Sends it SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.stage = Stage::Killed;
        self.signal(Signal::KILL);
    }

    /// Sends a signal. It is no error if the child has ended.
    fn signal(&self, signal: Signal) {
        let sent = if self.leads_group {
            kill_process_group(self.pid, signal)
        } else {
            pidfd_send_signal(&self.pidfd, signal)
        };
        match sent {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => {
                log::error!("cannot send signal {} to process {}: {errno}", signal.as_raw(), self.pid())
            }
        }
    }
}

impl AsFd for Child {
    /// A pidfd: it is readable once the child has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Program;
    use std::path::Path;

    fn child(script: &str) -> Child {
        Program::new(Path::new("/bin/sh")).arg("-c").arg(script).lead_group().start().unwrap()
    }

    fn ended(child: &mut Child) -> ExitStatus {
        child.status_within(Duration::from_secs(10)).unwrap().expect("it ends")
    }

    #[test]
    fn a_child_that_cannot_be_waited_for_has_not_succeeded() {
        let mut child = child("exit 0");
        waitpid(Some(child.pid), WaitOptions::empty()).unwrap();
        assert!(!ended(&mut child).success());
    }

    #[test]
    fn a_child_is_told_to_end_then_killed_then_called_hanging() {
        let now = Instant::now();
        let grace = Duration::from_secs(1);
        let mut child =
            child("trap : TERM; while :; do sleep 60; done").with_deadline(Deadline::terminate(now, grace));
        assert_eq!(child.expire(now - grace), None);
        assert_eq!((child.expire(now), child.deadline()), (Some(Expired::Terminated), Some(now + grace)));
        assert_eq!(child.status(), None, "its group has its time");
        assert_eq!(child.expire(now + grace), Some(Expired::Killed));
        assert!(child.was_late() && child.was_killed());
        assert_eq!(ended(&mut child).code(), None);
        assert_eq!(child.expire(now + grace + KILL_TIME), Some(Expired::Hangs));
        assert_eq!(child.deadline(), None);
    }
}
