//! From a packet to its answer.

use super::{
    Server,
    connection::{self, Outbox},
    door::Door,
};
use crate::process;
use ck_core::{model::Login, policy::Action, registry::Input};
use ck_protocol::{
    AdminRequest, DecodeError, Fact, Open, PROTOCOL, Refusal, RefusalCode, Reply, SessionId, SessionRequest,
    Status, TeardownId, TeardownState, Text, Uid, limits,
};
use std::{
    os::fd::BorrowedFd,
    time::{Instant, SystemTime},
};

/// The answer to whom the admin socket's rate is used up.
pub(super) const TOO_OFTEN: &str = "too many requests: try again in a second";

/// Says to a peer that is not served why, if it can be said at once. Which versions it speaks is not known yet: it is
/// told in the oldest.
pub(super) fn turn_away(socket: BorrowedFd<'_>, code: RefusalCode, why: &str) {
    let mut buffer = [0; limits::REPLY];
    if let Ok(packet) = PROTOCOL.oldest().encode(&refused(code, why), &mut buffer) {
        // Its connection is closed next, whether it has heard this or not.
        let _ = connection::send_now(socket, packet);
    }
}

pub(super) fn refused(code: RefusalCode, message: &str) -> Reply {
    Reply::Refused(refusal(code, message))
}

/// What is said to who sent a packet that is no frame.
pub(super) fn complaint(error: &DecodeError) -> Reply {
    let code = match error {
        DecodeError::Version { .. } => RefusalCode::Version,
        _ => RefusalCode::Malformed,
    };
    refused(code, &error.to_string())
}

pub(super) fn refusal(code: RefusalCode, message: &str) -> Refusal {
    Refusal { code, message: Text::clipped(message) }
}

impl Server {
    /// Something can be done for a connection: send what waits, or take a request.
    pub(super) fn serve_connection(&mut self, key: u64) {
        let Some(connection) = self.connections.get(&key) else { return };
        match connection.outbox {
            Outbox::Empty => self.receive(key),
            Outbox::Changes => self.serve_subscriber(key),
            _ => self.send_waiting(key),
        }
    }

    fn receive(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        if connection.door == Door::Admin && self.disposal.needed && connection.brings_descriptors() {
            return self.drop_connection(key);
        }
        let mut buffer = [0; limits::REQUEST + 1];
        let packet = match connection.receive(&mut buffer) {
            Ok(None) => return,
            // The peer is done; a zero-length packet looks the same and ends it as well.
            Ok(Some([])) | Err(_) => return self.drop_connection(key),
            Ok(Some(packet)) => packet,
        };
        let now = Instant::now();
        connection.moved(now);
        connection.asked = now;
        let (door, uid) = (connection.door, connection.peer.uid);
        if door == Door::Admin && !self.rates.take(uid, now) {
            self.send(key, &refused(RefusalCode::Busy, TOO_OFTEN));
            return self.drop_connection(key);
        }
        let answered = match door {
            Door::Session => connection.decode(packet).map(|request| self.answer_module(key, request)),
            Door::Admin => connection.decode(packet).map(|request| self.answer_admin(key, request)),
        };
        if let Err(error) = answered {
            self.protest(key, &error);
        }
    }

    /// A protocol error ends the connection that it came by, and nothing else.
    fn protest(&mut self, key: u64, error: &DecodeError) {
        self.send(key, &complaint(error));
        self.drop_connection(key);
    }

    fn answer_module(&mut self, key: u64, request: SessionRequest) {
        match request {
            SessionRequest::Open(open) => self.open_session(key, *open),
            SessionRequest::Close(session) => {
                self.end(session);
                self.send(key, &Reply::Closed);
            }
        }
    }

    fn open_session(&mut self, key: u64, open: Open) {
        if let Err(message) = check(&open) {
            log::warn!("login refused: {message}: {}", open.user);
            self.send(key, &refused(RefusalCode::Invalid, message));
            return;
        }
        let Some(connection) = self.connections.get_mut(&key) else { return };
        let pid = connection.peer.pid;
        let process = connection.process();
        let Some((process, leader)) = process.ok().and_then(|fd| Some((fd, process::leader(fd, pid)?)))
        else {
            log::warn!("login of {} refused: its process {pid} is gone", open.user);
            self.send(
                key,
                &refused(
                    RefusalCode::Failed,
                    "cannot tell your process from others: see the log of ck-broker",
                ),
            );
            return;
        };
        // Without a session there is none that it could be part of.
        let somebody = self.sessions.registry.sessions() > 0;
        let ancestors = if somebody { process::ancestors(process, pid) } else { Vec::new() };
        let login = Login { open, leader, ancestors, now: SystemTime::now().into() };
        self.apply(Input::Open(Box::new(login)), Some(key));
    }

    fn answer_admin(&mut self, key: u64, request: AdminRequest) {
        match request {
            AdminRequest::List => self.start_list(key, Outbox::Sessions(SessionId::FIRST)),
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
            AdminRequest::Facts => self.start_list(key, Outbox::Facts(self.facts().into(), 0)),
            AdminRequest::Teardowns => self.start_list(key, Outbox::Teardowns(TeardownId::FIRST)),
            AdminRequest::TeardownDetails => {
                self.start_list(key, Outbox::TeardownDetails(TeardownId::FIRST));
            }
            AdminRequest::Problems => self.start_list(key, Outbox::Problems(0)),
            AdminRequest::RetryTeardowns(only) => self.retry_teardowns(key, only),
            AdminRequest::Users => self.start_list(key, Outbox::Users(Some(Uid::ROOT))),
            AdminRequest::Seats => self.start_list(key, Outbox::Seats(0)),
            AdminRequest::Terminate(target) => self.terminate(key, target),
            AdminRequest::Activate(id) => self.activate(key, id),
            AdminRequest::Lock(id) => self.ask_to_lock(key, id, Input::Lock(id)),
            AdminRequest::Unlock(id) => self.ask_to_lock(key, id, Input::Unlock(id)),
            AdminRequest::Linger(request) => self.answer_linger(key, request),
            AdminRequest::Subscribe => self.subscribe(key),
        }
    }

    pub(super) fn start_list(&mut self, key: u64, list: Outbox) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.outbox = list;
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
            started_at: self.started_at,
            sessions: count(self.sessions.registry.sessions()),
            users: count(self.sessions.registry.users()),
            teardowns_running: teardowns(TeardownState::Running),
            teardowns_waiting: teardowns(TeardownState::Waiting),
            teardowns_failed: teardowns(TeardownState::Quarantined),
            teardowns_abandoned: teardowns(TeardownState::Abandoned),
            sessions_limit: count(self.limits.sessions.all),
            subscribers: count(self.subscriptions.count()),
            hooks_running: count(self.hooks.running()),
            hooks_waiting: count(self.hooks.waiting()),
            hooks_failed: self.hooks.failed(),
            configured_at: self.configured.at,
            configuration_problem: self.configured.problem.clone(),
        })
    }
}

/// Whether the facts of a login can be used.
fn check(open: &Open) -> Result<(), &'static str> {
    let user = open.user.as_str();
    if user.is_empty() {
        return Err("the user's name is empty: PAM_USER must name a user");
    }
    if user.chars().any(char::is_control) {
        return Err("the user's name holds control characters: rename the user");
    }
    Ok(())
}
