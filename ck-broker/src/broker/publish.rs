//! What others see of sessions and users: made from the table when it is sent.

use super::Broker;
use crate::compat::sd_login::{Name, Order, Place};
use ck_core::{
    compat::sd_login::{session_file, user_file},
    registry::Registry,
};
use ck_protocol::{SessionId, State, Uid};

impl Broker {
    /// This user and the session have changed.
    pub(super) fn publish(&mut self, uid: Uid, session: Option<SessionId>) {
        self.sd_login.changed(session, uid);
        self.publish_due();
    }

    /// Sends what has changed, as far as there is room.
    pub(super) fn publish_due(&mut self) {
        let registry = &self.sessions.registry;
        self.sd_login.send_due(|name| order(registry, name));
    }

    /// Sends everything, and has everything else of ours removed.
    pub(super) fn publish_all(&mut self) {
        if self.sd_login.is_wanted() {
            self.sd_login.set_all(names(&self.sessions.registry));
            self.publish_due();
        } else {
            self.sd_login.withdraw();
        }
    }
}

/// The files that there should be.
fn names(registry: &Registry) -> Vec<Name> {
    let sessions = registry.from(SessionId::FIRST).map(|record| Name::of_session(record.session.id));
    let users = registry.users_from(Uid::ROOT).map(|user| Name::of_user(user.uid));
    sessions.chain(users).collect()
}

/// What is to be done with a file, by the table.
fn order(registry: &Registry, name: &Name) -> Order {
    let content = match name.place {
        Place::Sessions => {
            let session = registry.get(SessionId::new(name.number)).map(|record| &record.session);
            session.filter(|session| session.state != State::Opening).map(session_file)
        }
        Place::Users => {
            let uid = u32::try_from(name.number).ok().and_then(|uid| Uid::try_from(uid).ok());
            uid.and_then(|uid| registry.published(uid)).map(|(user, sessions)| user_file(&user, &sessions))
        }
    };
    content.map_or(Order::Remove(*name), |content| Order::Put(*name, content))
}
