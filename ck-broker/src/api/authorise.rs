//! What the peers of `admin.sock` may see and do: each answer looks it up in the one table.

use crate::{
    api,
    broker::Broker,
    net::connection::{Connection, PendingReply},
    poller::Endpoint,
};
use ck_core::{
    model::SessionRecord,
    policy::{Action, Policy, Requester},
    registry::Input,
};
use ck_protocol::{Refusal, RefusalCode, Reply, SessionId};

impl Broker {
    /// Sets the policy. It applies to connected peers too: the policy is looked up when something is sent, and a reply that
    /// was prepared before is not sent any more.
    pub(crate) fn set_policy(&mut self, policy: Policy) {
        if std::mem::replace(&mut self.policy, policy) == policy {
            return;
        }
        if let Err(error) = self.subscriptions.policy_changed() {
            log::error!("{error}");
        }
        let is_ready = |connection: &Connection| {
            let is_somebodys = connection.endpoint == Endpoint::Admin && connection.peer.uid != 0;
            is_somebodys && matches!(connection.pending, PendingReply::Packet(_))
        };
        let ready = self.net.connections.iter().filter(|(_, connection)| is_ready(connection));
        for key in ready.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.drop_connection(key);
        }
    }

    /// The peer of the connection, under the policy of this moment. A peer that is gone may do nothing.
    pub(crate) fn requester(&self, key: u64) -> Requester {
        self.net.connections.get(&key).map_or(Requester::NOBODY, |connection| {
            let is_admin = connection.is_in(self.policy.group);
            self.policy.requester(connection.peer.uid, is_admin)
        })
    }

    /// The session `id`, if the peer may do this to it; otherwise the refusal.
    pub(crate) fn permitted(
        &self,
        key: u64,
        action: Action,
        id: SessionId,
    ) -> Result<&SessionRecord, Refusal> {
        let requester = self.requester(key);
        let visible = |record: &&SessionRecord| requester.may(Action::See, Some(record.session.uid));
        let Some(record) = self.sessions.registry.get(id).filter(visible) else {
            let message = format!("no session has the id {id}: see ckctl list");
            return Err(api::refusal(RefusalCode::NoSuchSession, &message));
        };
        if !requester.may(action, Some(record.session.uid)) {
            return Err(self.not_allowed(&format!("session {id}")));
        }
        Ok(record)
    }

    pub(crate) fn not_allowed(&self, what: &str) -> Refusal {
        let group = self.policy.group.map(|gid| format!(", members of group {gid}")).unwrap_or_default();
        let message = format!("{what}: only the owner{group} and root may do that");
        api::refusal(RefusalCode::NotAllowed, &message)
    }

    /// Has a session locked or unlocked, by `input`.
    pub(crate) fn ask_to_lock(&mut self, key: u64, id: SessionId, input: Input) {
        match self.permitted(key, Action::Lock, id) {
            Ok(_) => self.apply(input, Some(key)),
            Err(refusal) => {
                self.send(key, &Reply::Refused(refusal));
            }
        }
    }
}
