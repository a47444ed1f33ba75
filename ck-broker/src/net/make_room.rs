//! Places for connections: found, and given up for others. At `admin.sock`, [`super::room`] decides.

use super::{
    Net,
    accept::{TOO_MANY, say_why},
    connection::{Connection, PendingReply},
    room::{self, Holder, Vacancy},
};
use crate::{limits::PeerClass, poller::Endpoint};
use ck_core::model::Limit;
use ck_protocol::{RefusalCode, Uid, Version};
use std::{os::fd::AsFd, time::Instant};

/// What is said to those who give up a place.
const GIVEN_UP: &str = "others need the place of a connection that does nothing: connect again";

impl Net {
    /// Finds a place for one more module, perhaps that of the one that has been idle for longest. A module asks at once, and
    /// disconnects when it has its reply. But its user may have stopped it, as one may stop an `su` that one has started.
    pub(super) fn make_room_for_module(&mut self, now: Instant) -> bool {
        let modules = || self.connections.iter().filter(|(_, other)| other.endpoint == Endpoint::Session);
        if self.limits.admit_module(modules().count()) {
            return true;
        }
        let mut others: Vec<_> = modules().collect();
        others.sort_by_key(|(_, other)| other.asked);
        // The first is it, most often: it costs a system call to learn whether one is idle.
        let idle = others.into_iter().find(|(_, other)| other.is_idle(now));
        let Some(key) = idle.map(|(&key, _)| key) else { return false };
        log::warn!("a module that does nothing gives its connection up for another");
        self.close(key);
        true
    }

    /// Admits a newcomer at `admin.sock`, if there is a place. `is_here` says whether a user has a session or lingers. Each endpoint
    /// has its own places, so nothing that is done here keeps a login out.
    pub(crate) fn admit(&mut self, key: u64, is_here: impl Fn(Uid) -> bool) {
        let Some(position) = self.newcomers.iter().position(|(other, _)| *other == key) else { return };
        let (_, mut connection) = self.newcomers.swap_remove(position);
        let uid = connection.peer.uid;
        if connection.class == PeerClass::Strangers
            && (Uid::try_from(uid).is_ok_and(is_here) || connection.is_in(self.policy.group))
        {
            connection.class = PeerClass::Users;
        }
        if self.make_room(self.limits.connections(connection.class), uid, connection.class, |_| true) {
            self.connections.insert(key, connection);
            self.rearm(key);
        } else {
            self.turn_away(connection.into_socket(), Endpoint::Admin, RefusalCode::Busy, TOO_MANY);
        }
    }

    /// Makes the peer of the connection a subscriber, if there is a place. Returns the version in which it is told of changes.
    pub(crate) fn subscribe(&mut self, key: u64) -> Option<Version> {
        let connection = self.connections.get(&key)?;
        let (uid, class) = (connection.peer.uid, connection.class);
        let is_subscriber = |other: &Connection| matches!(other.pending, PendingReply::Changes);
        if !self.make_room(self.limits.subscribers(class), uid, class, is_subscriber) {
            return None;
        }
        let connection = self.connections.get_mut(&key)?;
        connection.pending = PendingReply::Changes;
        connection.deadline = None;
        Some(connection.version())
    }

    /// Finds a place for one more connection of the uid among those of the class that are `counted`, perhaps by closing
    /// another one. False: there is none.
    fn make_room(
        &mut self,
        limit: Limit,
        uid: u32,
        class: PeerClass,
        counted: impl Fn(&Connection) -> bool,
    ) -> bool {
        let is_counted =
            |other: &&Connection| other.endpoint == Endpoint::Admin && other.class == class && counted(other);
        let here = self.connections.iter().filter(|(_, other)| is_counted(other));
        let holders: Vec<Holder> = here.map(|(&key, other)| other.holder(key)).collect();
        let now = Instant::now();
        let is_idle =
            |holder: &Holder| self.connections.get(&holder.key).is_some_and(|other| other.is_idle(now));
        match room::place(limit, uid, &holders, is_idle) {
            Vacancy::Free => true,
            Vacancy::None => false,
            Vacancy::Of(key) => {
                if let Some(other) = self.connections.get(&key) {
                    say_why(other.as_fd(), RefusalCode::Busy, GIVEN_UP);
                }
                self.close(key);
                true
            }
        }
    }
}
