//! Ending sessions by their leaders.

use super::{Answer, Api};
use crate::sessions::Termination;
use ck_core::{policy::Action, registry::Input};
use ck_protocol::{EndCause, Refusal, RefusalCode, Reply, SessionId, SessionRef, Target};
use std::time::Instant;

impl Api<'_> {
    pub(super) fn terminate(&mut self, target: Target) -> Answer {
        match self.to_terminate(target) {
            Ok(ids) => self.end_leaders(&ids, Instant::now()),
            Err(refusal) => Answer::Reply(Reply::Refused(refusal)),
        }
    }

    /// The sessions that are meant, or why they are left alone.
    fn to_terminate(&self, target: Target) -> Result<Vec<SessionId>, Refusal> {
        match target {
            Target::Session(id) => self.permitted(Action::Terminate, id).map(|_| vec![id]),
            Target::User(uid) => {
                let ids = self.sessions.registry.sessions_of(uid);
                if ids.is_empty() || !self.sees(uid) {
                    let message = format!("no user with uid {uid} is here: see ckctl users");
                    return Err(Refusal::new(RefusalCode::NoSuchUser, &message));
                }
                if !self.requester.may(Action::Terminate, Some(uid)) {
                    return Err(self.not_allowed(&format!("the sessions of uid {uid}")));
                }
                Ok(ids)
            }
        }
    }

    /// Tells the leaders to end. A session whose leader leads others too is ended without it.
    fn end_leaders(&mut self, ids: &[SessionId], now: Instant) -> Answer {
        let (mut done, mut failed, mut inputs) = (0, None, Vec::new());
        for &id in ids {
            match self.sessions.end_leader(id, self.requester.uid, now) {
                Ok(termination) => {
                    done += 1;
                    if termination == Termination::Shared {
                        let cause = EndCause::Terminated { by: self.requester.uid };
                        inputs.push(Input::End(SessionRef::Id(id), cause));
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
            Some(message) if done == 0 => Answer::Reply(Reply::refused(RefusalCode::Failed, &message)),
            _ => Answer::Tell(inputs, Reply::Done(done)),
        }
    }
}
