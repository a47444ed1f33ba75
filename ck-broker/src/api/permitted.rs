//! What the peers of `admin.sock` may see and do: each request looks it up in the one table.

use super::Api;
use ck_core::{model::SessionRecord, policy::Action};
use ck_protocol::{Refusal, RefusalCode, SessionId};

impl Api<'_> {
    /// The session `id`, if the peer may do this to it; otherwise the refusal.
    pub(super) fn permitted(&self, action: Action, id: SessionId) -> Result<&SessionRecord, Refusal> {
        let visible = |record: &&SessionRecord| self.sees(record.session.uid);
        let Some(record) = self.sessions.registry.get(id).filter(visible) else {
            let message = format!("no session has the id {id}: see ckctl list");
            return Err(Refusal::new(RefusalCode::NoSuchSession, &message));
        };
        if !self.requester.may(action, Some(record.session.uid)) {
            return Err(self.not_allowed(&format!("session {id}")));
        }
        Ok(record)
    }

    pub(super) fn not_allowed(&self, what: &str) -> Refusal {
        let group = self.groups.of_admins.map(|gid| format!(", members of group {gid}")).unwrap_or_default();
        let message = format!("{what}: only the owner{group} and root may do that");
        Refusal::new(RefusalCode::NotAllowed, &message)
    }
}
