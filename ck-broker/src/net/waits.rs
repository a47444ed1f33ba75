//! Logins whose reply waits: until hooks have run for their session, or until others see it.

use super::{
    Net,
    connection::{Awaited, Connection},
};
use ck_core::model::Full;
use ck_protocol::{SessionId, Uid};
use std::time::Instant;

impl Connection {
    fn awaited_session(&self) -> Option<SessionId> {
        match self.awaits {
            Awaited::Session(id) => Some(id),
            Awaited::Nothing | Awaited::Switch => None,
        }
    }
}

impl Net {
    /// Has the peer wait for what the login of the session waits for. Returns the peer that waited for it until now, and does so
    /// no longer: a login that is asked for again has lost its connection.
    ///
    /// # Errors
    /// Too many logins wait already. Each takes a connection that others need to log in. `owner_of` has the uid of a session.
    pub(crate) fn await_session(
        &mut self,
        id: SessionId,
        peer: Option<u64>,
        owner_of: impl Fn(SessionId) -> Option<Uid>,
    ) -> Result<Option<u64>, Full> {
        if let Some(uid) = owner_of(id) {
            let waiting = self.connections.values().filter_map(Connection::awaited_session);
            let (mut own, mut all) = (0, 0);
            for other in waiting.filter(|other| *other != id) {
                own += usize::from(owner_of(other) == Some(uid));
                all += 1;
            }
            self.limits.waiting_logins.admits(uid, own, all)?;
        }
        let before = self.awaiting(id).filter(|before| Some(*before) != peer);
        if let Some(connection) = peer.and_then(|peer| self.connections.get_mut(&peer)) {
            connection.awaits = Awaited::Session(id);
        }
        Ok(before)
    }

    /// The connection whose peer waits for this session.
    pub(crate) fn awaiting(&self, id: SessionId) -> Option<u64> {
        let mut connections = self.connections.iter();
        connections.find(|(_, connection)| connection.awaits == Awaited::Session(id)).map(|(&key, _)| key)
    }

    /// Keeps the connections of waiting logins: the module has the deadline that says how long a login waits.
    pub(super) fn be_patient_with_logins(&mut self, now: Instant) {
        for connection in self.connections.values_mut() {
            if connection.awaited_session().is_some() && connection.deadline.is_some_and(|due| due <= now) {
                connection.moved(now);
            }
        }
    }
}
