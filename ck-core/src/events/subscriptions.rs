//! The subscribers, and the next packet of each.

use super::backlog::Backlog;
use crate::policy::{Requester, Visibility};
use ck_protocol::{EncodeError, Event, Reply, Seat, Session, SessionId, Uid, Version, limits};
use std::{collections::BTreeMap, ops::Bound, rc::Rc};

/// The position of a subscriber.
#[derive(Clone, Copy, Debug)]
struct Cursor {
    /// The number of the first change that it has not received.
    next: u64,
    /// The progress of its snapshot. `None`: the snapshot is complete.
    snapshot: Option<Snapshot>,
}

/// The progress of a snapshot: first the sessions by id, then the seats.
#[derive(Clone, Copy, Debug)]
enum Snapshot {
    /// The sessions from this id on are to be sent, then the seats.
    Sessions(SessionId),
    /// All sessions and this number of seats have been sent.
    Seats(usize),
}

impl Snapshot {
    /// The smallest id of the sessions that are still to be sent. Above all ids, once only seats are.
    fn told(self) -> SessionId {
        match self {
            Self::Sessions(id) => id,
            Self::Seats(_) => SessionId::new(u64::MAX),
        }
    }
}

#[derive(Debug)]
struct Subscriber {
    cursor: Cursor,
    /// The version of its packets.
    version: Version,
    /// True if more is sent only when its connection is writable: it is not due before.
    blocked: bool,
}

/// The next packet for a subscriber.
#[derive(Debug)]
pub struct Offer {
    /// The packet.
    pub packet: Rc<[u8]>,
    /// The position of the subscriber after the packet was sent.
    then: Cursor,
}

/// All subscribers by the keys of their connections, and the changes that they have not received yet.
#[derive(Debug, Default)]
pub struct Subscriptions {
    backlog: Backlog,
    subscribers: BTreeMap<u64, Subscriber>,
    /// The subscriber that had the last turn.
    turn: u64,
}

impl Subscriptions {
    /// The number of subscribers.
    #[must_use]
    pub fn count(&self) -> usize {
        self.subscribers.len()
    }

    /// Adds a subscriber that speaks this version. It is sent a snapshot, then every later change.
    pub fn add(&mut self, key: u64, version: Version) {
        let snapshot = Some(Snapshot::Sessions(SessionId::FIRST));
        let cursor = Cursor { next: self.backlog.next(), snapshot };
        self.subscribers.insert(key, Subscriber { cursor, version, blocked: false });
    }

    /// Removes a subscriber, and the changes that only this subscriber had not received.
    pub fn remove(&mut self, key: u64) {
        if self.subscribers.remove(&key).is_some() {
            self.drop_received();
        }
    }

    /// Adds a change. Without subscribers it is only counted. `owner_of` returns the owner of a session that is on a seat:
    /// it decides who may receive a change of a seat.
    ///
    /// # Errors
    /// [`EncodeError`]: all subscribers are then told that something is lost.
    pub fn publish(
        &mut self,
        event: &Event,
        owner_of: impl Fn(SessionId) -> Option<Uid>,
    ) -> Result<(), EncodeError> {
        if self.subscribers.is_empty() {
            self.backlog.skip();
            return Ok(());
        }
        self.backlog.push(event, Visibility::of(event, owner_of), &self.versions())
    }

    /// The number of subscribers with the uid `owner` that are sent the latest change. `requester` returns the subscriber
    /// under the policy of this moment.
    #[must_use]
    pub fn owner_told(&self, owner: Uid, requester: impl Fn(u64) -> Requester) -> usize {
        let latest = self.backlog.next().checked_sub(1).and_then(|number| self.backlog.get(number));
        let Some(change) = latest else { return 0 };
        let is_told = |(key, subscriber): &(&u64, &Subscriber)| {
            let requester = requester(**key);
            requester.uid == owner.get()
                && change.is_for(&requester, subscriber.cursor.snapshot.map(Snapshot::told))
        };
        self.subscribers.iter().filter(is_told).count()
    }

    /// The policy has changed: what subscribers have received may differ from what they may see. They are told that
    /// something is lost.
    ///
    /// # Errors
    /// [`EncodeError`]: all subscribers are then told that something is lost.
    pub fn policy_changed(&mut self) -> Result<(), EncodeError> {
        if self.subscribers.is_empty() { Ok(()) } else { self.backlog.push_policy(&self.versions()) }
    }

    /// The next packet for the subscriber, if there is one. `requester` is the subscriber under the policy of this moment.
    /// `session_from` returns the first open session with this id or a later one, and `seat` the seat with this number.
    /// Call [`Subscriptions::sent`] after the packet was sent.
    ///
    /// Changes are sent before the next record of the snapshot. What the subscriber has received is therefore the table of
    /// this moment, up to the id of that record. A change of a later session need not be sent.
    ///
    /// # Errors
    /// [`EncodeError`]
    pub fn offer(
        &mut self,
        key: u64,
        requester: &Requester,
        session_from: impl FnOnce(SessionId) -> Option<Session>,
        seat: impl FnOnce(usize) -> Option<Seat>,
    ) -> Result<Option<Offer>, EncodeError> {
        let Some(subscriber) = self.subscribers.get_mut(&key) else { return Ok(None) };
        let (cursor, version) = (&mut subscriber.cursor, subscriber.version);
        let first = self.backlog.first();
        if cursor.next < first {
            let then = Cursor { next: first, ..*cursor };
            return offer_of(&Reply::Lost(first - cursor.next), version, then).map(Some);
        }
        while let Some(change) = self.backlog.get(cursor.next) {
            let then = Cursor { next: cursor.next + 1, ..*cursor };
            if change.is_for(requester, cursor.snapshot.map(Snapshot::told)) {
                return match change.packet(version) {
                    Some(packet) => Ok(Some(Offer { packet: Rc::clone(packet), then })),
                    None => offer_of(&Reply::Lost(1), version, then).map(Some),
                };
            }
            *cursor = then;
        }
        let Some(progress) = cursor.snapshot else { return Ok(None) };
        let (session, seats) = match progress {
            Snapshot::Sessions(id) => (session_from(id), 0),
            Snapshot::Seats(seats) => (None, seats),
        };
        let (reply, snapshot) = if let Some(session) = session {
            let next = Snapshot::Sessions(session.id.next());
            (Reply::Session(Box::new(session)), Some(next))
        } else if let Some(seat) = seat(seats) {
            (Reply::Seat(Box::new(seat)), Some(Snapshot::Seats(seats + 1)))
        } else {
            (Reply::Synced(cursor.next), None)
        };
        offer_of(&reply, version, Cursor { snapshot, ..*cursor }).map(Some)
    }

    /// Moves the subscriber on: the packet was sent.
    pub fn sent(&mut self, key: u64, offer: &Offer) {
        if let Some(subscriber) = self.subscribers.get_mut(&key) {
            subscriber.cursor = offer.then;
        }
    }

    /// Ends a turn of the subscriber. `blocked`: more is sent only when its connection is writable. Returns true if that has
    /// changed.
    pub fn end_turn(&mut self, key: u64, blocked: bool) -> bool {
        self.drop_received();
        let subscriber = self.subscribers.get_mut(&key);
        subscriber.is_some_and(|subscriber| std::mem::replace(&mut subscriber.blocked, blocked) != blocked)
    }

    /// True if a subscriber that is not blocked has a packet to be sent.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.subscribers.values().any(|subscriber| subscriber.is_due(&self.backlog))
    }

    /// The next such subscriber, each in turn.
    pub fn next_due(&mut self) -> Option<u64> {
        let after = self.subscribers.range((Bound::Excluded(self.turn), Bound::Unbounded));
        let mut in_turn = after.chain(self.subscribers.range(..=self.turn));
        let (&key, _) = in_turn.find(|(_, subscriber)| subscriber.is_due(&self.backlog))?;
        self.turn = key;
        Some(key)
    }

    /// The versions that subscribers speak, each once.
    fn versions(&self) -> Vec<Version> {
        let mut versions = Vec::new();
        for Subscriber { version, .. } in self.subscribers.values() {
            if !versions.contains(version) {
                versions.push(*version);
            }
        }
        versions
    }

    fn drop_received(&mut self) {
        let cursors = self.subscribers.values().map(|subscriber| subscriber.cursor.next);
        let received = cursors.min().unwrap_or(self.backlog.next());
        self.backlog.forget_before(received);
    }
}

impl Subscriber {
    fn is_due(&self, backlog: &Backlog) -> bool {
        !self.blocked && (self.cursor.next < backlog.next() || self.cursor.snapshot.is_some())
    }
}

fn offer_of(reply: &Reply, version: Version, then: Cursor) -> Result<Offer, EncodeError> {
    let mut buffer = [0; limits::REPLY];
    Ok(Offer { packet: Rc::from(version.encode(reply, &mut buffer)?), then })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Listing;
    use ck_protocol::{PROTOCOL, Text};

    fn kept(subscriptions: &Subscriptions) -> u64 {
        subscriptions.backlog.next() - subscriptions.backlog.first()
    }

    /// Reads everything that is offered.
    fn read(subscriptions: &mut Subscriptions, key: u64) {
        let requester = Requester { uid: 2001, is_admin: false, listing: Listing::All };
        while let Some(offer) = subscriptions.offer(key, &requester, |_| None, |_| None).unwrap() {
            subscriptions.sent(key, &offer);
        }
        subscriptions.end_turn(key, false);
    }

    #[test]
    fn what_everybody_has_been_told_is_not_kept_and_without_anybody_nothing_is() {
        let mut subscriptions = Subscriptions::default();
        let event = Event::UserAdded { uid: Uid::try_from(2001).unwrap(), user: None };
        let publish = |subscriptions: &mut Subscriptions| {
            (0..10).for_each(|_| subscriptions.publish(&event, |_| None).unwrap());
        };
        publish(&mut subscriptions);
        assert_eq!((kept(&subscriptions), subscriptions.backlog.next()), (0, 10));
        for key in 1..4 {
            subscriptions.add(key, PROTOCOL.newest());
            publish(&mut subscriptions);
        }
        read(&mut subscriptions, 1);
        read(&mut subscriptions, 2);
        assert_eq!(kept(&subscriptions), 10, "what the third one has not been told");
        subscriptions.remove(3);
        assert_eq!(kept(&subscriptions), 0);
        publish(&mut subscriptions);
        read(&mut subscriptions, 1);
        assert_eq!(kept(&subscriptions), 10);
        read(&mut subscriptions, 2);
        assert_eq!(kept(&subscriptions), 0);
    }

    /// No event about users is sent before `Synced`. The documentation promises this.
    #[test]
    fn between_the_seats_of_a_snapshot_only_sessions_and_seats_are_told() {
        let mut subscriptions = Subscriptions::default();
        let requester = Requester { uid: 2001, is_admin: false, listing: Listing::All };
        let seat = |number| {
            (number < 2).then(|| Seat {
                id: Text::clipped("seat0"),
                active: None,
                sessions: 0,
                has_vts: true,
            })
        };
        subscriptions.add(1, PROTOCOL.newest());
        let mut told = Vec::new();
        while let Some(offer) = subscriptions.offer(1, &requester, |_| None, seat).unwrap() {
            told.push(PROTOCOL.decode::<Reply>(&offer.packet, limits::REPLY).unwrap().1);
            subscriptions.sent(1, &offer);
            if told.len() == 1 {
                let (id, uid) = (SessionId::new(7), Uid::try_from(2001).unwrap());
                let removed = Event::SessionRemoved { id, uid, end: None };
                for event in [Event::UserAdded { uid, user: None }, removed] {
                    subscriptions.publish(&event, |_| None).unwrap();
                }
            }
        }
        assert!(
            matches!(&told[..], [Reply::Seat(_), Reply::Change(change), Reply::Seat(_), Reply::Synced(2)]
                if matches!(change.event, Event::SessionRemoved { .. })),
            "{told:?}"
        );
    }
}
