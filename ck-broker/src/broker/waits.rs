//! Logins that wait: for the hooks of their session, and for the files by which others see it.

use super::Broker;
use ck_core::{
    metrics::Stage,
    registry::{Effect, Input},
};
use ck_protocol::{EndCause, RefusalCode, Reply, SessionId, SessionRef};
use std::time::Instant;

impl Broker {
    /// A login waits no longer for something: replies to the peer that waits, if that was all.
    pub(super) fn wait_ends(&mut self, id: SessionId, input: Input) {
        let peer = self.net.awaiting(id);
        self.apply(input, peer);
    }

    /// Has the peer replied to when its login waits for nothing any longer. Where too many wait already it is replied to at once.
    pub(super) fn await_session(&mut self, id: SessionId, peer: Option<u64>) -> Vec<Effect> {
        let registry = &self.sessions.registry;
        let owner_of = |id| registry.get(id).map(|record| record.session.uid);
        match self.net.await_session(id, peer, owner_of) {
            Ok(before) => {
                if let Some(before) = before {
                    self.net
                        .send(before, &Reply::refused(RefusalCode::Failed, "the login was asked for again"));
                }
                let stage =
                    if self.sessions.registry.waits_for_hooks() { Stage::Hooks } else { Stage::Files };
                self.begin_stage(peer, stage);
                if self.sd_login.await_written(id, Instant::now()) {
                    Vec::new()
                } else {
                    self.sessions.apply(Input::FilesWritten(id))
                }
            }
            Err(full) => {
                log::warn!("session {id} does not wait: too many logins do ({full:?})");
                self.sessions.apply(Input::WaitNoLonger(id))
            }
        }
    }

    /// Tells the peer that waits for a session that this has ended.
    pub(super) fn reply_ended(&mut self, id: SessionId) {
        let Some(key) = self.net.awaiting(id) else { return };
        let message = "the session has ended before its login was replied to";
        self.net.send(key, &Reply::refused(RefusalCode::Failed, message));
    }

    /// Ends a session whose module has not waited for its reply, unless it has asked again since.
    pub(super) fn give_up(&mut self, id: SessionId) {
        if self.net.awaiting(id).is_none() {
            log::info!("session {id}: its module has not waited for the reply");
            let waits_for_hooks = self.sessions.registry.waits_for_hooks();
            self.end(
                SessionRef::Id(id),
                if waits_for_hooks { EndCause::HooksNotAwaited } else { EndCause::NoReply },
            );
        }
    }
}
