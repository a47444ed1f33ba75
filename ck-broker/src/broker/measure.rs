//! What logins take: measured on the way, from the connection of the module to the reply.

use super::Broker;
use ck_core::metrics::Stage;
use ck_protocol::SessionId;
use std::time::{Instant, SystemTime};

impl Broker {
    /// Does `work`, which is a stage of the login of this peer, if it is one.
    pub(super) fn measured<T>(
        &mut self,
        peer: Option<u64>,
        stage: Stage,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.begin_stage(peer, stage);
        let result = work(self);
        self.end_stage(peer);
        result
    }

    /// A stage of the login of this peer begins. It lasts until the next one, or until the reply.
    pub(super) fn begin_stage(&mut self, peer: Option<u64>, stage: Stage) {
        if let Some(timer) = self.net.login_timer(peer) {
            timer.begin(stage, Instant::now());
        }
    }

    /// The stage ends.
    pub(super) fn end_stage(&mut self, peer: Option<u64>) {
        if let Some(timer) = self.net.login_timer(peer) {
            timer.end(Instant::now());
        }
    }

    /// The login of this peer was told of its session.
    pub(super) fn login_replied_to(&mut self, key: u64, session: SessionId) {
        let registry = &self.sessions.registry;
        self.logins.note_sessions(registry.sessions());
        let owner = registry.get(session).map(|record| record.session.uid);
        if let (Some(timer), Some(uid)) = (self.net.take_login_timer(key), owner) {
            self.logins.add(timer, (session, uid), SystemTime::now().into(), Instant::now());
        }
    }
}
