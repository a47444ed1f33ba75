//! Ending sessions by their leaders.

use super::{Server, answer};
use crate::sessions::Termination;
use ck_core::policy::Action;
use ck_protocol::{Refusal, RefusalCode, Reply, SessionId, SessionRef, Target};
use std::time::Instant;

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
                let (requester, ids) = (self.requester(key), self.sessions.registry.sessions_of(uid));
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
            match self.sessions.end_leader(id, now) {
                Ok(termination) => {
                    done += 1;
                    if termination == Termination::Shared {
                        self.end(SessionRef::Id(id));
                    }
                }
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
}
