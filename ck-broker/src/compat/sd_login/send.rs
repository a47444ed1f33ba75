//! What is sent to the publisher, and in which order.

use super::{
    LONGEST_RETRY, SdLogin,
    link::Link,
    packet::{Name, Order, Packet, State},
};
use crate::{component::Outcome, config::Publishing};
use ck_protocol::{SessionId, ShortName, Uid};
use std::{collections::BTreeSet, time::Instant};

/// How many sessions wait to be sent one by one: as many as there can be at once.
const MOST: usize = 1 << 16;

impl SdLogin {
    /// The files of this user, the session and the seat have changed.
    pub(crate) fn changed(&mut self, uid: Uid, session: Option<SessionId>, seat: Option<ShortName>) {
        if self.state == State::Yields && self.again.is_none() {
            // The sessions of the other manager may be over by then. While nobody comes or goes, nobody misses anything.
            self.again = Some(Instant::now() + LONGEST_RETRY);
        }
        // What is under way may end that another manager has sessions.
        if self.is_on() || self.is_wanted() && !self.is_all_answered() {
            let seat = seat.filter(|_| self.mode == Some(Publishing::On { seats: true }));
            self.sessions.extend(session.map(Name::Session));
            self.others.extend([Name::User(uid)].into_iter().chain(seat.map(Name::Seat)));
        }
        if self.is_too_much || self.sessions.len() > MOST {
            (self.sessions, self.others, self.is_too_much) = (BTreeSet::new(), BTreeSet::new(), true);
        }
    }

    /// All files that there could be are these. Those that should be are sent, and all others of ours are removed.
    pub(crate) fn set_all(&mut self, names: impl Iterator<Item = Name>) {
        (self.sessions, self.others) = (BTreeSet::new(), BTreeSet::new());
        (self.ends, self.is_too_much) = (self.is_wanted(), false);
        let first = match self.mode {
            Some(Publishing::On { seats }) => {
                let names = names.filter(|name| seats || !matches!(name, Name::Seat(_)));
                (self.sessions, self.others) = names.partition(|name| matches!(name, Name::Session(_)));
                Order::Begin { seats }
            }
            mode => Order::Withdraw { is_for_other: mode == Some(Publishing::Yields) },
        };
        self.first = Some(first);
    }

    /// Sends the order that comes before all others, if there is one. False: there is no room.
    fn send_first(&mut self) -> bool {
        let Some(first) = self.first.take() else { return true };
        let is_sent = self.send_packet(|packet| packet.push(&first));
        self.first = Some(first).filter(|_| !is_sent);
        is_sent
    }

    /// Sends the sessions that are due, as far as there is room. `order` makes the order for a name. Users and seats are sent later,
    /// as no login waits for their files: the broker is told.
    pub(crate) fn send_sessions(&mut self, mut order: impl FnMut(&Name) -> Order) {
        if !self.has_room() || !self.send_first() {
            return;
        }
        while self.has_room() && !self.sessions.is_empty() {
            if !self.send_from(|due| &mut due.sessions, &mut order) {
                return;
            }
            self.sessions_sent = self.publisher.as_ref().map_or(0, Link::last_sent);
        }
        if self.has_room() && (!self.others.is_empty() || self.ends) {
            self.news.push(Outcome::PublisherHasRoom);
        }
    }

    /// Sends everything that is due, as far as there is room.
    pub(crate) fn send_due(&mut self, mut order: impl FnMut(&Name) -> Order) {
        if !self.sessions.is_empty() {
            return self.send_sessions(order);
        }
        if !self.has_room() || !self.send_first() {
            return;
        }
        while self.has_room() && (!self.others.is_empty() || self.ends) {
            if !self.send_from(|due| &mut due.others, &mut order) {
                return;
            }
        }
    }

    /// Sends names of one set: as many as fit into a packet. False: there is no room.
    fn send_from(
        &mut self,
        set: fn(&mut Self) -> &mut BTreeSet<Name>,
        order: &mut impl FnMut(&Name) -> Order,
    ) -> bool {
        let (mut names, mut packets) = (Vec::new(), vec![Packet::default()]);
        while let Some(name) = set(self).pop_first() {
            for order in order(&name).in_pieces() {
                push(&mut packets, &order);
            }
            names.push(name);
            if packets.len() > 1 || packets.iter().any(Packet::is_full) {
                break;
            }
        }
        let ends = self.ends && self.sessions.is_empty() && self.others.is_empty();
        if ends {
            push(&mut packets, &Order::End);
        }
        let are_sent =
            packets.iter().all(|packet| self.send_packet(|with_number| with_number.append(packet)));
        if are_sent {
            self.ends &= !ends;
        } else {
            set(self).extend(names);
        }
        are_sent
    }
}

/// Adds an order to the last packet, or to another one if that is full.
fn push(packets: &mut Vec<Packet>, order: &Order) {
    match packets.last_mut().filter(|packet| !packet.is_full()) {
        Some(packet) => packet.push(order),
        None => {
            let mut packet = Packet::default();
            packet.push(order);
            packets.push(packet);
        }
    }
}
