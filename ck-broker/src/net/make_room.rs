//! Places for connections: found, and given up for others. At `admin.sock`, [`super::room`] decides.

use crate::{
    api,
    broker::Broker,
    net::{
        connection::Connection,
        room::{self, Circle, Guest, Place},
    },
    poller::Endpoint,
};
use ck_core::model::Limit;
use ck_protocol::{RefusalCode, Uid};
use std::{os::fd::AsFd, time::Instant};

/// What is said to those who give up a place.
const GIVEN_UP: &str = "others need the place of a connection that does nothing: connect again";

impl Broker {
    /// Has place for one more module, perhaps that of the one that has done nothing for longest: a module asks at once, and
    /// goes when it is answered. But its user may have stopped it, as one may the `su` that one has started.
    pub(crate) fn make_room_for_module(&mut self) -> bool {
        let modules = || self.net.connections.iter().filter(|(_, other)| other.endpoint == Endpoint::Session);
        if self.net.limits.admit_module(modules().count()) {
            return true;
        }
        let (mut others, now): (Vec<_>, _) = (modules().collect(), Instant::now());
        others.sort_by_key(|(_, other)| other.asked);
        // The first is it, most often: whether one is idle costs a system call.
        let idle = others.into_iter().find(|(_, other)| other.is_idle(now));
        let Some(key) = idle.map(|(&key, _)| key) else { return false };
        log::warn!("a module that does nothing gives its connection up for another");
        self.drop_connection(key);
        true
    }

    /// Finds a place for a new connection at `admin.sock`. Each endpoint has its own, so nothing that is done here keeps a
    /// login out.
    pub(crate) fn seat(&mut self, connection: &mut Connection) -> bool {
        if connection.circle == Circle::Strangers && self.is_known(connection) {
            connection.circle = Circle::Users;
        }
        let limit = self.net.limits.connections(connection.circle);
        self.make_room(limit, connection.peer.uid, connection.circle, |_| true)
    }

    /// Whether the peer is a user who is here, or an administrator.
    fn is_known(&self, connection: &Connection) -> bool {
        let is_here = |uid| self.sessions.registry.is_here(uid);
        Uid::try_from(connection.peer.uid).is_ok_and(is_here) || connection.is_in(self.policy.group)
    }

    /// Has place for one more of the uid among those of the circle that are `meant`, perhaps somebody else's. False: there
    /// is none.
    pub(crate) fn make_room(
        &mut self,
        limit: Limit,
        uid: u32,
        circle: Circle,
        meant: impl Fn(&Connection) -> bool,
    ) -> bool {
        let is_meant =
            |other: &&Connection| other.endpoint == Endpoint::Admin && other.circle == circle && meant(other);
        let here = self.net.connections.iter().filter(|(_, other)| is_meant(other));
        let guests: Vec<Guest> = here.map(|(&key, other)| other.guest(key)).collect();
        let now = Instant::now();
        // Who waits for a switch is answered when that is over.
        let is_switching = |key| self.console.is_waiting(key);
        let is_idle = |guest: &Guest| {
            self.net.connections.get(&guest.key).is_some_and(|other| other.is_idle(now))
                && !is_switching(guest.key)
        };
        match room::place(limit, uid, &guests, is_idle) {
            Place::Free => true,
            Place::None => false,
            Place::Of(key) => {
                if let Some(other) = self.net.connections.get(&key) {
                    api::turn_away(other.as_fd(), RefusalCode::Busy, GIVEN_UP);
                }
                self.drop_connection(key);
                true
            }
        }
    }
}
