//! Ending sessions by their leaders.

use super::{Server, answer};
use ck_core::policy::Action;
use ck_protocol::{Refusal, RefusalCode, Reply, SessionId, SessionRef, Target};
use rustix::{
    io::Errno,
    process::{Signal, pidfd_send_signal},
};
use std::{
    io,
    time::{Duration, Instant},
};

/// How long a leader has between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

impl Server {
    /// Ends what the peer wants ended, if it may.
    pub(super) fn terminate(&mut self, key: u64, target: Target) {
        let reply = match self.to_terminate(key, target) {
            Ok(ids) => self.end_leaders(&ids, Instant::now()),
            Err(refusal) => Reply::Refused(refusal),
        };
        self.send(key, &reply);
    }

    /// The sessions that are meant, or why they are left alone.
    fn to_terminate(&self, key: u64, target: Target) -> Result<Vec<SessionId>, Refusal> {
        match target {
            Target::Session(id) => self.permitted(key, Action::Terminate, id).map(|_| vec![id]),
            Target::User(uid) => {
                let (requester, ids) = (self.requester(key), self.registry.sessions_of(uid));
                if ids.is_empty() || !requester.may(Action::See, Some(uid)) {
                    let message = format!("no user with uid {uid} is here: see ckctl users");
                    return Err(answer::refusal(RefusalCode::NoSuchUser, &message));
                }
                if !requester.may(Action::Terminate, Some(uid)) {
                    return Err(self.not_allowed(&format!("the sessions of uid {uid}")));
                }
                Ok(ids)
            }
        }
    }

    fn end_leaders(&mut self, ids: &[SessionId], now: Instant) -> Reply {
        let (mut done, mut failed) = (0, None);
        for &id in ids {
            match self.end_leader(id, now) {
                Ok(()) => done += 1,
                Err(error) => {
                    let message = format!("cannot end the leader of session {id}: {error}");
                    log::error!("{message}");
                    failed = Some(message);
                }
            }
        }
        match failed {
            Some(message) if done == 0 => answer::refused(RefusalCode::Failed, &message),
            _ => Reply::Done(done),
        }
    }

    /// Has the leader end, and with it the session. A leader of other sessions too lives on for them.
    fn end_leader(&mut self, id: SessionId, now: Instant) -> io::Result<()> {
        if self.ending.contains_key(&id) {
            return Ok(());
        }
        if self.registry.shares_leader(id) {
            log::info!("session {id} is ended, but not its leader, which leads others");
            self.end(SessionRef::Id(id));
            return Ok(());
        }
        let leader = self.leaders.get(&id).ok_or_else(|| io::Error::other("it is not watched yet"))?;
        match pidfd_send_signal(leader, Signal::TERM) {
            // It is dead, and its session ends with the next events.
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
        log::info!("session {id}: its leader is told to end");
        self.ending.insert(id, now + GRACE);
        Ok(())
    }

    /// Kills the leaders whose grace is over.
    pub(super) fn kill_overdue(&mut self, now: Instant) {
        let due = self.ending.iter().filter(|(_, due)| **due <= now).map(|(&id, _)| id);
        for id in due.collect::<Vec<_>>() {
            self.ending.remove(&id);
            let killed = self.leaders.get(&id).map(|leader| pidfd_send_signal(leader, Signal::KILL));
            match killed {
                Some(Err(errno)) => log::error!("cannot kill the leader of session {id}: {errno}"),
                _ => log::warn!("session {id}: its leader did not end by itself, and is killed"),
            }
        }
    }
}
