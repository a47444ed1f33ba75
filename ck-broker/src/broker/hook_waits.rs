//! Logins that wait for the hooks of their session.

use super::Broker;
use ck_core::{
    metrics::Stage,
    registry::{Effect, Input},
};
use ck_protocol::{EndCause, RefusalCode, Reply, SessionId, SessionRef};

impl Broker {
    /// All hooks have run for the opening of this session: replies to the peer that waits.
    pub(super) fn hooks_done(&mut self, id: SessionId) {
        let peer = self.net.take_waiting(id);
        self.apply(Input::HooksDone(id), peer);
    }

    /// Has the peer replied to when hooks have been told of the session. Where too many wait already it is replied to at once.
    pub(super) fn await_hooks(&mut self, id: SessionId, peer: Option<u64>) -> Vec<Effect> {
        let registry = &self.sessions.registry;
        let owner_of = |id| registry.get(id).map(|record| record.session.uid);
        match self.net.await_hooks(id, peer, owner_of) {
            Ok(()) => {
                self.begin_stage(peer, Stage::Hooks);
                Vec::new()
            }
            Err(full) => {
                log::warn!("session {id} does not wait for its hooks: too many logins do ({full:?})");
                self.sessions.apply(Input::HooksDone(id))
            }
        }
    }

    /// Tells the peer that waits for hooks of a session that this has ended.
    pub(super) fn reply_ended(&mut self, id: SessionId) {
        let Some(key) = self.net.take_waiting(id) else { return };
        let message = "the session has ended before its hooks had";
        self.net.send(key, &Reply::refused(RefusalCode::Failed, message));
    }

    /// Ends a session whose module has not waited for its hooks, unless it has asked again since.
    pub(super) fn give_up(&mut self, id: SessionId) {
        if !self.net.is_awaited(id) {
            log::info!("session {id}: its module has not waited for the hooks");
            self.end(SessionRef::Id(id), EndCause::HooksNotAwaited);
        }
    }
}
