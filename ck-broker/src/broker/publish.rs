//! What others see of sessions, users and seats: made from the table when it is sent.

use super::Broker;
use crate::compat::sd_login::{Leader, Name, Order};
use ck_core::{
    compat::sd_login::{seat_file, session_file, user_file},
    registry::Registry,
};
use ck_protocol::{Class, Session, SessionId, SessionType, ShortName, Uid};

impl Broker {
    /// This user, the session and the seat have changed.
    pub(super) fn publish(&mut self, uid: Uid, session: Option<SessionId>, seat: Option<ShortName>) {
        self.sd_login.changed(uid, session, seat);
        let registry = &self.sessions.registry;
        self.sd_login.send_sessions(|name| order(registry, name));
    }

    /// Sends what has changed, as far as there is room.
    pub(super) fn publish_due(&mut self) {
        let registry = &self.sessions.registry;
        self.sd_login.send_due(|name| order(registry, name));
    }

    /// Sends everything, and has everything else of ours removed.
    pub(super) fn publish_all(&mut self) {
        self.sd_login.set_all(names(&self.sessions.registry));
        self.publish_due();
    }
}

/// The files that there should be.
fn names(registry: &Registry) -> impl Iterator<Item = Name> {
    let sessions = registry.from(SessionId::FIRST).map(|record| Name::Session(record.session.id));
    let users = registry.users_from(Uid::ROOT).map(|user| Name::User(user.uid));
    let seats = registry.shown_seats(|_| true).map(|seat| Name::Seat(seat.id));
    sessions.chain(users).chain(seats)
}

/// What is to be done with a file, by the table.
fn order(registry: &Registry, name: &Name) -> Order {
    let content = match name {
        Name::Session(id) => {
            let session = registry.get(*id).map(|record| &record.session);
            return session.map_or_else(
                || Order::Remove(name.clone()),
                |session| Order::PutSession(leader(session), session_file(session)),
            );
        }
        Name::User(uid) => registry.published(*uid).map(|(user, sessions)| user_file(&user, &sessions)),
        Name::Seat(seat) => {
            registry.published_seat(seat.as_str()).map(|(seat, sessions)| seat_file(&seat, &sessions))
        }
    };
    content.map_or_else(|| Order::Remove(name.clone()), |content| Order::Put(name.clone(), content))
}

fn leader(session: &Session) -> Leader {
    let is_text = matches!(session.session_type, SessionType::Tty | SessionType::Unspecified);
    let seeks_terminal = is_text && session.tty.is_none() && session.class != Class::Background;
    Leader { session: session.id, uid: session.uid, pid: session.leader_pid, seeks_terminal }
}
