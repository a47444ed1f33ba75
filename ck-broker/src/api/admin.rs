//! What people ask on admin.sock.

use super::{Answer, Api};
use crate::net::connection::PendingReply;
use ck_core::{policy::Action, registry::Input};
use ck_protocol::{AdminRequest, RefusalCode, Reply, SessionId, TeardownId, Uid};
use std::time::Instant;

impl Api<'_> {
    /// Carries out a request.
    pub(crate) fn answer(&mut self, request: AdminRequest) -> Answer {
        match request {
            AdminRequest::List => Answer::List(PendingReply::Sessions(SessionId::FIRST)),
            AdminRequest::Show(id) => Answer::Reply(self.show(id)),
            AdminRequest::Status => Answer::Reply(self.status().map_or_else(no_pid, Reply::Status)),
            AdminRequest::Facts => Answer::List(PendingReply::Facts(self.facts().into(), 0)),
            AdminRequest::Teardowns => Answer::List(PendingReply::Teardowns(TeardownId::FIRST)),
            AdminRequest::TeardownDetails => Answer::List(PendingReply::TeardownDetails(TeardownId::FIRST)),
            AdminRequest::Problems => Answer::List(PendingReply::Problems(0)),
            AdminRequest::RetryTeardowns(only) => Answer::Reply(self.retry_teardowns(only)),
            AdminRequest::Users => Answer::List(PendingReply::Users(Some(Uid::ROOT))),
            AdminRequest::Seats => Answer::List(PendingReply::Seats(0)),
            AdminRequest::Terminate(target) => self.terminate(target),
            AdminRequest::Activate(id) => self.activate(id),
            AdminRequest::Lock(id) => self.ask_to_lock(id, Input::Lock(id)),
            AdminRequest::Unlock(id) => self.ask_to_lock(id, Input::Unlock(id)),
            AdminRequest::Linger(request) => self.answer_linger(request),
            AdminRequest::Subscribe => Answer::Subscribe,
        }
    }

    fn show(&self, id: SessionId) -> Reply {
        let shown = self.permitted(Action::See, id).map(|record| record.session.clone());
        shown.map_or_else(Reply::Refused, |session| Reply::Session(Box::new(session)))
    }

    /// Has a session locked or unlocked, by `input`.
    fn ask_to_lock(&self, id: SessionId, input: Input) -> Answer {
        match self.permitted(Action::Lock, id) {
            Ok(_) => Answer::Ask(input),
            Err(refusal) => Answer::Reply(Reply::Refused(refusal)),
        }
    }

    fn retry_teardowns(&mut self, only: Option<TeardownId>) -> Reply {
        if !self.requester.may(Action::RetryTeardowns, None) {
            return Reply::refused(
                RefusalCode::NotAllowed,
                "only root and the administrators' group may have teardowns tried again",
            );
        }
        match (self.directories.teardowns.retry(only, Instant::now()), only) {
            (0, Some(id)) => {
                let message = format!("no teardown {id} was given up: see ckctl teardown list");
                Reply::refused(RefusalCode::NoSuchTeardown, &message)
            }
            (count, _) => Reply::Retrying(count),
        }
    }
}

fn no_pid() -> Reply {
    Reply::refused(RefusalCode::Failed, "ck-broker cannot tell its own pid: see its log")
}
