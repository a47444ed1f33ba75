//! The leaders of sessions: watching them, and ending them.

use super::Sessions;
use crate::{
    poller::{Poller, Token},
    process,
};
use ck_core::model::AuditIds;
use ck_protocol::{Session, SessionId};
use nix::sys::epoll::EpollFlags;
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use std::{
    collections::HashMap,
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

/// The time between SIGTERM and SIGKILL.
const TERM_TIME: Duration = Duration::from_secs(5);

/// The leaders of all sessions, with a pidfd each.
#[derive(Debug)]
pub(super) struct Leaders {
    /// Nested in the broker's epoll set, so that the loop handles one death at a time. Each death may retire a
    /// directory, which is as much work as a login.
    poller: Poller,
    watched: HashMap<SessionId, OwnedFd>,
    /// The leaders that were sent SIGTERM, and the times at which they are killed.
    ending: HashMap<SessionId, Instant>,
    /// The sessions whose leader was told to end, each with the uid of the user who wanted that.
    terminated: HashMap<SessionId, u32>,
}

/// The outcome of an attempt to end a session by its leader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Termination {
    /// The leader was sent SIGTERM. The session ends with it.
    Signalled,
    /// The leader leads other sessions too and lives on. The session has to be ended without it.
    Shared,
}

impl Leaders {
    pub(super) fn new() -> nix::Result<Self> {
        let (watched, ending, terminated) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Self { poller: Poller::new()?, watched, ending, terminated })
    }

    pub(super) fn poller(&self) -> &Poller {
        &self.poller
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.ending.values().copied().min()
    }

    pub(super) fn watch(&mut self, id: SessionId, leader: OwnedFd) -> io::Result<()> {
        self.poller.watch(&leader, Token::Leader(id), EpollFlags::EPOLLIN)?;
        self.watched.insert(id, leader);
        Ok(())
    }

    fn forget(&mut self, id: SessionId) {
        self.ending.remove(&id);
        self.terminated.remove(&id);
        if let Some(leader) = self.watched.remove(&id) {
            self.poller.unwatch(leader);
        }
    }

    /// Sends SIGTERM to a leader.
    fn terminate(&mut self, id: SessionId, by: u32, now: Instant) -> io::Result<()> {
        let leader = self.watched.get(&id).ok_or_else(|| io::Error::other("it is not watched yet"))?;
        match pidfd_send_signal(leader, Signal::TERM) {
            // It is dead. Its session ends with the next events.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
        log::info!("session {id}: SIGTERM sent to its leader");
        self.ending.insert(id, now + TERM_TIME);
        self.terminated.insert(id, by);
        Ok(())
    }

    /// Kills the leaders that did not end in time.
    pub(super) fn kill_overdue(&mut self, now: Instant) {
        let due = self.ending.iter().filter(|(_, due)| **due <= now).map(|(&id, _)| id);
        for id in due.collect::<Vec<_>>() {
            self.ending.remove(&id);
            let killed = self.watched.get(&id).map(|leader| pidfd_send_signal(leader, Signal::KILL));
            match killed {
                Some(Err(errno)) => log::error!("cannot kill the leader of session {id}: {errno}"),
                _ => log::warn!("session {id}: its leader did not end after SIGTERM and is killed"),
            }
        }
    }
}

impl Sessions {
    /// Watches the leader of a session.
    ///
    /// # Errors
    /// epoll_ctl(2); then its end would not be noticed.
    pub(crate) fn watch_leader(&mut self, id: SessionId, leader: OwnedFd) -> io::Result<()> {
        self.leaders.watch(id, leader)
    }

    /// The ids in the audit of the leader of a session.
    pub(crate) fn audit_ids(&self, session: &Session) -> AuditIds {
        let leader = self.leaders.watched.get(&session.id);
        leader.map(|leader| process::audit_ids(&self.proc, leader, session.leader_pid)).unwrap_or_default()
    }

    /// Stops watching the leader of a session that has ended.
    pub(crate) fn forget_leader(&mut self, id: SessionId) {
        self.leaders.forget(id);
    }

    /// Ends the leader of a session, as the user `by` wants.
    ///
    /// # Errors
    /// Those of pidfd_send_signal(2), and for a leader that is not watched.
    pub(crate) fn end_leader(&mut self, id: SessionId, by: u32, now: Instant) -> io::Result<Termination> {
        if self.leaders.ending.contains_key(&id) {
            return Ok(Termination::Signalled);
        }
        if self.registry.shares_leader(id) {
            log::info!("session {id} ends, but its leader lives on, because it leads other sessions");
            return Ok(Termination::Shared);
        }
        self.leaders.terminate(id, by, now).map(|()| Termination::Signalled)
    }

    /// The uid of the user who had the leader of this session ended, if somebody had.
    pub(crate) fn terminated_by(&self, id: SessionId) -> Option<u32> {
        self.leaders.terminated.get(&id).copied()
    }
}
