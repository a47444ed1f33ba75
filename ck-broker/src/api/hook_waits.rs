//! Logins that wait for the hooks of their session.

use crate::{api, broker::Broker};
use ck_core::{
    model::Full,
    registry::{Effect, Input},
};
use ck_protocol::{RefusalCode, SessionId};
use std::time::Instant;

impl Broker {
    /// All hooks have run for the opening of this session: answers the peer that waits.
    pub(crate) fn hooks_done(&mut self, id: SessionId) {
        let peer = self.take_waiting(id);
        self.apply(Input::HooksDone(id), peer);
    }

    /// The connection whose peer waits for the hooks of this session. It does not any more.
    fn take_waiting(&mut self, id: SessionId) -> Option<u64> {
        let mut connections = self.net.connections.iter_mut();
        let (&key, connection) = connections.find(|(_, connection)| connection.awaits == Some(id))?;
        connection.awaits = None;
        Some(key)
    }

    /// Has the peer answered when hooks have been told of the session: this one only, if it has asked before. Where too
    /// many wait already it is answered at once, as each takes a connection that others need to log in.
    pub(crate) fn await_hooks(&mut self, id: SessionId, peer: Option<u64>) -> Vec<Effect> {
        if let Err(full) = self.may_wait(id) {
            log::warn!("session {id} does not wait for its hooks: too many logins do ({full:?})");
            return self.sessions.apply(Input::HooksDone(id));
        }
        for (&key, connection) in &mut self.net.connections {
            if Some(key) == peer {
                connection.awaits = Some(id);
            } else if connection.awaits == Some(id) {
                connection.awaits = None;
            }
        }
        Vec::new()
    }

    /// Whether one more login of the session's user may wait.
    fn may_wait(&self, id: SessionId) -> Result<(), Full> {
        let user = |id| self.sessions.registry.get(id).map(|record| record.session.uid);
        let Some(uid) = user(id) else { return Ok(()) };
        let waiting = self.net.connections.values().filter_map(|connection| connection.awaits);
        let (mut own, mut all) = (0, 0);
        for other in waiting.filter(|other| *other != id) {
            own += usize::from(user(other) == Some(uid));
            all += 1;
        }
        self.net.limits.waiting_logins.admits(uid, own, all)
    }

    /// Tells the peer who waits for hooks of a session that this has ended.
    pub(crate) fn answer_ended(&mut self, id: SessionId) {
        let Some(key) = self.take_waiting(id) else { return };
        let message = "the session has ended before its hooks had";
        self.send(key, &api::refused(RefusalCode::Failed, message));
    }

    /// Ends the sessions whose module has not waited for hooks, and has patience with those that do: how long
    /// a login waits is its module's business, whose deadline it is.
    pub(crate) fn tend_waiting(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.net.given_up) {
            if !self.net.connections.values().any(|connection| connection.awaits == Some(id)) {
                log::info!("session {id}: its module has not waited for the hooks");
                self.end(ck_protocol::SessionRef::Id(id));
            }
        }
        for connection in self.net.connections.values_mut() {
            if connection.awaits.is_some() && connection.deadline.is_some_and(|deadline| deadline <= now) {
                connection.moved(now);
            }
        }
    }
}
