//! What people ask on admin.sock.

use super::refused;
use crate::{broker::Broker, net::connection::PendingReply};
use ck_core::{policy::Action, registry::Input};
use ck_protocol::{
    AdminRequest, Fact, RefusalCode, Reply, SessionId, Status, TeardownId, TeardownState, Text, Uid,
};
use std::time::Instant;

impl Broker {
    pub(super) fn answer_admin(&mut self, key: u64, request: AdminRequest) {
        match request {
            AdminRequest::List => self.start_list(key, PendingReply::Sessions(SessionId::FIRST)),
            AdminRequest::Show(id) => {
                let shown = self.permitted(key, Action::See, id).map(|record| record.session.clone());
                let reply = shown.map_or_else(Reply::Refused, |session| Reply::Session(Box::new(session)));
                self.send(key, &reply);
            }
            AdminRequest::Status => {
                if let Some(status) = self.status() {
                    self.send(key, &Reply::Status(status));
                }
            }
            AdminRequest::Facts => self.start_list(key, PendingReply::Facts(self.facts().into(), 0)),
            AdminRequest::Teardowns => self.start_list(key, PendingReply::Teardowns(TeardownId::FIRST)),
            AdminRequest::TeardownDetails => {
                self.start_list(key, PendingReply::TeardownDetails(TeardownId::FIRST));
            }
            AdminRequest::Problems => self.start_list(key, PendingReply::Problems(0)),
            AdminRequest::RetryTeardowns(only) => self.retry_teardowns(key, only),
            AdminRequest::Users => self.start_list(key, PendingReply::Users(Some(Uid::ROOT))),
            AdminRequest::Seats => self.start_list(key, PendingReply::Seats(0)),
            AdminRequest::Terminate(target) => self.terminate(key, target),
            AdminRequest::Activate(id) => self.activate(key, id),
            AdminRequest::Lock(id) => self.ask_to_lock(key, id, Input::Lock(id)),
            AdminRequest::Unlock(id) => self.ask_to_lock(key, id, Input::Unlock(id)),
            AdminRequest::Linger(request) => self.answer_linger(key, request),
            AdminRequest::Subscribe => self.subscribe(key),
        }
    }

    pub(crate) fn start_list(&mut self, key: u64, list: PendingReply) {
        if let Some(connection) = self.net.connections.get_mut(&key) {
            connection.pending = list;
        }
        self.send_waiting(key);
    }

    fn retry_teardowns(&mut self, key: u64, only: Option<TeardownId>) {
        let reply = if !self.requester(key).may(Action::RetryTeardowns, None) {
            refused(
                RefusalCode::NotAllowed,
                "only root and the administrators' group may have teardowns tried again",
            )
        } else {
            match (self.directories.teardowns.retry(only, Instant::now()), only) {
                (0, Some(id)) => {
                    let message = format!("no teardown {id} was given up: see ckctl teardown list");
                    refused(RefusalCode::NoSuchTeardown, &message)
                }
                (count, _) => Reply::Retrying(count),
            }
        };
        self.send(key, &reply);
    }

    /// What the broker says of itself: the members of [`Status`], and what later releases have added. A key that was told once is
    /// always told, unless there is nothing to say of it, and always means the same.
    fn facts(&self) -> Vec<Fact> {
        self.status().iter().flat_map(Status::facts).collect()
    }

    fn status(&self) -> Option<Status> {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let teardowns = |state| count(self.directories.teardowns.count(state));
        Some(Status {
            version: Text::clipped(env!("CARGO_PKG_VERSION")),
            pid: i32::try_from(std::process::id()).ok()?.try_into().ok()?,
            started_at: self.configured.started_at,
            sessions: count(self.sessions.registry.sessions()),
            users: count(self.sessions.registry.users()),
            teardowns_running: teardowns(TeardownState::Running),
            teardowns_waiting: teardowns(TeardownState::Waiting),
            teardowns_failed: teardowns(TeardownState::Quarantined),
            teardowns_abandoned: teardowns(TeardownState::Abandoned),
            sessions_limit: count(self.net.limits.sessions.all),
            subscribers: count(self.subscriptions.count()),
            hooks_running: count(self.hooks.running()),
            hooks_waiting: count(self.hooks.waiting()),
            hooks_failed: self.hooks.failed(),
            configured_at: self.configured.at,
            configuration_problem: self.configured.problem.clone(),
        })
    }
}
