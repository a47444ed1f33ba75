//! Carries every effect of the registry to the component that performs it.

use super::Broker;
use crate::net::connection::Sent;
use ck_core::{
    metrics::Stage,
    registry::{Effect, Input},
};
use ck_protocol::{EndCause, RefusalCode, Reply, Session, SessionEnd, SessionId, SessionRef, Told};
use std::{
    collections::VecDeque,
    io,
    time::{Instant, SystemTime},
};

impl Broker {
    /// Tells the registry, and carries out what follows. `peer` is the connection to be
    /// answered, if the input came by one.
    pub(super) fn apply(&mut self, input: Input, peer: Option<u64>) {
        self.sessions.registry.wait_for_files(self.sd_login.is_prompt(Instant::now()));
        let mut due = VecDeque::from(self.sessions.apply(input));
        while let Some(effect) = due.pop_front() {
            due.extend(self.perform(effect, peer));
        }
    }

    /// Ends a session.
    pub(super) fn end(&mut self, session: SessionRef, cause: EndCause) {
        self.apply(Input::End(session, cause), None);
    }

    /// Carries out one effect; returns what follows from it. An effect that fails is logged and
    /// never keeps anybody from logging in.
    fn perform(&mut self, effect: Effect, peer: Option<u64>) -> Vec<Effect> {
        match effect {
            Effect::MakeRuntimeDir { uid, gid } => {
                let dir = self.measured(peer, Stage::Directory, |broker| broker.directories.make(uid, gid));
                return self.sessions.apply(Input::RuntimeDir { uid, dir });
            }
            Effect::Reply(reply) => return self.reply(peer, reply),
            Effect::Join(opened) => {
                let id = opened.id;
                log::debug!("a login is part of session {id}");
                let reply = Reply::Opened(opened);
                if let Some(key) = peer.filter(|key| self.net.send(*key, &reply) != Sent::Gone) {
                    self.login_replied_to(key, id);
                }
            }
            Effect::AccountChanged { uid, before, now, shares } => {
                let what = if shares {
                    "both use one runtime directory"
                } else {
                    "it gets a fresh runtime directory"
                };
                log::warn!("uid {uid} is {now}, and was {before}: {what}");
            }
            Effect::ForgetLinger(uid) => {
                if let Err(error) = self.sessions.linger.remove(uid) {
                    log::error!("{error}");
                }
            }
            Effect::RetireRuntimeDir(uid) => {
                // An error is logged, and tried again.
                let _ = self.directories.retire(uid);
            }
            Effect::ParkRuntimeDir(uid) => self.directories.park(uid),
            Effect::Record(id) => self.measured(peer, Stage::Record, |broker| broker.sessions.record(id)),
            Effect::Forget(id) => self.sessions.forget(id),
            Effect::Watch(id) => return self.watch_peer(id, peer),
            Effect::RunHooks(event) => self.hooks.push(*event),
            Effect::Await(id) => {
                // Whoever does not have to wait is replied to before others are told.
                let replies = self.await_session(id, peer);
                return self.perform_now(replies, peer);
            }
            Effect::ReadAuditIds(session) => {
                let ids = self.sessions.audit_ids(&session);
                let tell = self.sessions.apply(Input::AuditIds(session, ids));
                return self.perform_now(tell, peer);
            }
            Effect::Publish { uid, session, seat } => self.publish(uid, session, seat),
            Effect::Unwatch(id) => {
                self.reply_ended(id);
                self.sessions.forget_leader(id);
            }
            Effect::Announce(event) => self.announce(event),
            Effect::ReplyTold { uid, user } => {
                let told = self.subscriptions.owner_told(uid, |key| self.net.requester(key));
                let subscribers = u64::try_from(told).unwrap_or(u64::MAX);
                return self.reply(peer, Reply::Told(Box::new(Told { uid, user, subscribers })));
            }
            Effect::Ended(session, cause) => self.tell_end(*session, cause),
        }
        Vec::new()
    }

    /// Carries out effects before those that are due already. Returns what follows from them.
    fn perform_now(&mut self, effects: Vec<Effect>, peer: Option<u64>) -> Vec<Effect> {
        effects.into_iter().flat_map(|effect| self.perform(effect, peer)).collect()
    }

    /// Tells everybody that the session has ended.
    fn tell_end(&mut self, session: Session, cause: EndCause) {
        // Its leader died, or closed it, because it was told to end.
        let terminated = self.sessions.terminated_by(session.id);
        let cause = terminated.map_or(cause, |by| EndCause::Terminated { by });
        self.history.ended(&session, cause);
        self.announce(SessionEnd { session, cause, ended_at: SystemTime::now().into() }.into());
    }

    /// Watches the peer as the leader of the session that it has just opened. A session whose end
    /// could not be seen is none.
    fn watch_peer(&mut self, id: SessionId, peer: Option<u64>) -> Vec<Effect> {
        let leader =
            peer.map_or_else(|| Err(io::ErrorKind::NotConnected.into()), |key| self.net.take_process(key));
        match leader.and_then(|leader| self.sessions.watch_leader(id, leader)) {
            Ok(()) => Vec::new(),
            Err(error) => {
                log::error!("session {id}: its leader cannot be watched: {error}");
                self.sessions.apply(Input::End(SessionRef::Id(id), EndCause::LeaderUnwatched))
            }
        }
    }

    /// Answers the peer. An open that nobody hears of is none: its session ends at once.
    fn reply(&mut self, peer: Option<u64>, reply: Reply) -> Vec<Effect> {
        let reply = match reply {
            Reply::Opened(opened) if self.sessions.registry.get(opened.id).is_none() => {
                let message = "your process cannot be watched: see the log of ck-broker";
                Reply::refused(RefusalCode::Failed, message)
            }
            reply => reply,
        };
        let sent = peer.map_or(Sent::Gone, |key| self.net.send(key, &reply));
        match (reply, peer) {
            (Reply::Opened(opened), _) if sent == Sent::Gone => {
                log::info!("session {}: its process was gone before it was open", opened.id);
                return self.sessions.apply(Input::End(SessionRef::Id(opened.id), EndCause::NoReply));
            }
            (Reply::Opened(opened), Some(key)) => self.login_replied_to(key, opened.id),
            _ => {}
        }
        Vec::new()
    }
}
