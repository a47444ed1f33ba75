//! What the peers of `admin.sock` may see and do: each answer looks it up in the one table.

use super::{
    Server, answer,
    connection::{Connection, Outbox},
    door::Door,
    permissions::{Asked, Asker, Listing},
};
use crate::registry::{Entry, Input};
use ck_protocol::{Refusal, RefusalCode, Reply, SessionId};

/// Who may what on `admin.sock`, as configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Admins {
    /// Whose sessions everybody may see.
    pub listing: Listing,
    /// Whose members may do what root may.
    pub group: Option<u32>,
}

impl Server {
    /// From now on, these may see and do what. That counts for those who are connected as well: what they are to be told is
    /// looked up when it is sent, and what was made ready before is not sent any more.
    pub(super) fn set_admins(&mut self, admins: Admins) {
        if std::mem::replace(&mut self.admins, admins) == admins {
            return;
        }
        if let Err(error) = self.subscriptions.policy_changed() {
            log::error!("{error}");
        }
        let is_ready = |connection: &Connection| {
            let is_somebodys = connection.door == Door::Admin && connection.peer.uid != 0;
            is_somebodys && matches!(connection.outbox, Outbox::Packet(_))
        };
        let ready = self.connections.iter().filter(|(_, connection)| is_ready(connection));
        for key in ready.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.drop_connection(key);
        }
    }

    /// Who asks by the connection. One that has gone may do nothing, and is sent nothing.
    pub(super) fn asker(&self, key: u64) -> Asker {
        let Admins { listing, group } = self.admins;
        match self.connections.get(&key) {
            Some(connection) => {
                Asker { uid: connection.peer.uid, is_admin: connection.is_in(group), listing }
            }
            None => Asker { uid: u32::MAX, is_admin: false, listing: Listing::Own },
        }
    }

    /// The session `id`, if the peer may have that of it; otherwise why not.
    pub(super) fn permitted(&self, key: u64, asked: Asked, id: SessionId) -> Result<&Entry, Refusal> {
        let asker = self.asker(key);
        let visible = |entry: &&Entry| asker.may(Asked::See, Some(entry.session.uid));
        let Some(entry) = self.registry.get(id).filter(visible) else {
            let message = format!("no session has the id {id}: see ckctl list");
            return Err(answer::refusal(RefusalCode::NoSuchSession, &message));
        };
        if !asker.may(asked, Some(entry.session.uid)) {
            return Err(self.not_allowed(&format!("session {id}")));
        }
        Ok(entry)
    }

    pub(super) fn not_allowed(&self, what: &str) -> Refusal {
        let group = self.admins.group.map(|gid| format!(", members of group {gid}")).unwrap_or_default();
        let message = format!("{what}: only the owner{group} and root may do that");
        answer::refusal(RefusalCode::NotAllowed, &message)
    }

    /// Has a session locked or unlocked, by `input`.
    pub(super) fn ask_to_lock(&mut self, key: u64, id: SessionId, input: Input) {
        match self.permitted(key, Asked::Lock, id) {
            Ok(_) => self.apply(input, Some(key)),
            Err(refusal) => {
                self.send(key, &Reply::Refused(refusal));
            }
        }
    }
}
