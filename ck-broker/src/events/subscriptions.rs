//! The subscribers, and what each of them is to be sent next.

use super::{Audience, backlog::Backlog};
use crate::server::permissions::Asker;
use ck_protocol::{EncodeError, Event, Reply, Seat, Session, SessionId, Version, limits};
use std::{collections::BTreeMap, ops::Bound, rc::Rc};

/// Where a subscriber stands.
#[derive(Clone, Copy, Debug)]
struct Standing {
    /// The number of the first change that it has not been told of.
    next: u64,
    /// Up to where its snapshot has come, while that is under way.
    snapshot: Option<Place>,
}

/// A place in a snapshot: sessions from this id on come next, and seats; or seats but the first so many.
#[derive(Clone, Copy, Debug)]
enum Place {
    Sessions(SessionId),
    Seats(usize),
}

impl Place {
    /// The first session that is not told yet, if any is.
    fn session(self) -> Option<SessionId> {
        match self {
            Self::Sessions(id) => Some(id),
            Self::Seats(_) => None,
        }
    }
}

#[derive(Debug)]
struct Subscriber {
    standing: Standing,
    /// In which version it is told.
    version: Version,
    /// Whether more is sent only when its connection has room.
    waits: bool,
}

/// What a subscriber is to be sent next.
#[derive(Debug)]
pub struct Offer {
    /// The packet.
    pub packet: Rc<[u8]>,
    then: Standing,
}

/// All subscribers, by the key of their connection, and the changes that they have still to be told.
#[derive(Debug, Default)]
pub struct Subscriptions {
    backlog: Backlog,
    subscribers: BTreeMap<u64, Subscriber>,
    /// Who had the last turn.
    turn: u64,
}

impl Subscriptions {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.subscribers.len()
    }

    /// Takes in one more, who speaks that version: a snapshot of what is there, then what changes from now on.
    pub fn add(&mut self, key: u64, version: Version) {
        let standing =
            Standing { next: self.backlog.next(), snapshot: Some(Place::Sessions(SessionId::FIRST)) };
        self.subscribers.insert(key, Subscriber { standing, version, waits: false });
    }

    /// Forgets one, and what only that one had still to be told.
    pub fn remove(&mut self, key: u64) {
        if self.subscribers.remove(&key).is_some() {
            self.forget_told();
        }
    }

    /// Takes note of a change, for those who may hear of it. Without a subscriber it is only counted.
    ///
    /// # Errors
    /// [`EncodeError`]; then all subscribers are told that something is missing.
    pub fn publish(&mut self, event: &Event, audience: Audience) -> Result<(), EncodeError> {
        if self.subscribers.is_empty() {
            self.backlog.skip();
            return Ok(());
        }
        self.backlog.push(event, audience, &self.versions())
    }

    /// From now on, some may see more or less than before. What they know is no longer what they may see: they are told
    /// that something is missing.
    ///
    /// # Errors
    /// [`EncodeError`]; then all subscribers are told so.
    pub fn policy_changed(&mut self) -> Result<(), EncodeError> {
        if self.subscribers.is_empty() { Ok(()) } else { self.backlog.push_policy(&self.versions()) }
    }

    /// What the subscriber is to be sent next, if anything; `asker` is what it may see now, `session_from` finds the first
    /// session that is open, from an id on, and `seat` a seat by its number. Call [`Subscriptions::sent`] when it is sent.
    ///
    /// Changes go before the next record of the snapshot. So what is told up to there is the table as it is
    /// now, up to that id, and a change beyond it need not be told.
    ///
    /// # Errors
    /// [`EncodeError`]
    pub fn offer(
        &mut self,
        key: u64,
        asker: &Asker,
        session_from: impl FnOnce(SessionId) -> Option<Session>,
        seat: impl FnOnce(usize) -> Option<Seat>,
    ) -> Result<Option<Offer>, EncodeError> {
        let Some(subscriber) = self.subscribers.get_mut(&key) else { return Ok(None) };
        let (standing, version) = (&mut subscriber.standing, subscriber.version);
        let first = self.backlog.first();
        if standing.next < first {
            let then = Standing { next: first, ..*standing };
            return offer(&Reply::Lost(first - standing.next), version, then).map(Some);
        }
        while let Some(change) = self.backlog.get(standing.next) {
            let then = Standing { next: standing.next + 1, ..*standing };
            if change.is_for(asker, standing.snapshot.and_then(Place::session)) {
                return match change.packet(version) {
                    Some(packet) => Ok(Some(Offer { packet: Rc::clone(packet), then })),
                    None => offer(&Reply::Lost(1), version, then).map(Some),
                };
            }
            *standing = then;
        }
        let Some(place) = standing.snapshot else { return Ok(None) };
        let session = place.session().and_then(session_from);
        let seats = if let Place::Seats(seats) = place { seats } else { 0 };
        let (reply, snapshot) = if let Some(session) = session {
            let next = Place::Sessions(session.id.next());
            (Reply::Session(Box::new(session)), Some(next))
        } else if let Some(seat) = seat(seats) {
            (Reply::Seat(Box::new(seat)), Some(Place::Seats(seats + 1)))
        } else {
            (Reply::Synced(standing.next), None)
        };
        offer(&reply, version, Standing { snapshot, ..*standing }).map(Some)
    }

    /// The subscriber was sent this.
    pub fn sent(&mut self, key: u64, offer: &Offer) {
        if let Some(subscriber) = self.subscribers.get_mut(&key) {
            subscriber.standing = offer.then;
        }
    }

    /// The subscriber was sent what can be sent now; `waits`: there is more when its connection has room.
    /// Says whether that was otherwise before.
    pub fn settle(&mut self, key: u64, waits: bool) -> bool {
        self.forget_told();
        let subscriber = self.subscribers.get_mut(&key);
        subscriber.is_some_and(|subscriber| std::mem::replace(&mut subscriber.waits, waits) != waits)
    }

    /// Whether there is somebody to be told something who does not wait for room.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.subscribers.values().any(|subscriber| subscriber.is_due(&self.backlog))
    }

    /// One of those, each in turn.
    pub fn next_due(&mut self) -> Option<u64> {
        let after = self.subscribers.range((Bound::Excluded(self.turn), Bound::Unbounded));
        let mut in_turn = after.chain(self.subscribers.range(..=self.turn));
        let (&key, _) = in_turn.find(|(_, subscriber)| subscriber.is_due(&self.backlog))?;
        self.turn = key;
        Some(key)
    }

    /// The versions that somebody is told in, each once.
    fn versions(&self) -> Vec<Version> {
        let mut versions = Vec::new();
        for Subscriber { version, .. } in self.subscribers.values() {
            if !versions.contains(version) {
                versions.push(*version);
            }
        }
        versions
    }

    fn forget_told(&mut self) {
        let standing = self.subscribers.values().map(|subscriber| subscriber.standing.next);
        let told = standing.min().unwrap_or(self.backlog.next());
        self.backlog.forget_before(told);
    }
}

impl Subscriber {
    fn is_due(&self, backlog: &Backlog) -> bool {
        !self.waits && (self.standing.next < backlog.next() || self.standing.snapshot.is_some())
    }
}

fn offer(reply: &Reply, version: Version, then: Standing) -> Result<Offer, EncodeError> {
    let mut buffer = [0; limits::REPLY];
    Ok(Offer { packet: Rc::from(version.encode(reply, &mut buffer)?), then })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::permissions::Listing;
    use ck_protocol::{PROTOCOL, Uid};

    fn kept(subscriptions: &Subscriptions) -> u64 {
        subscriptions.backlog.next() - subscriptions.backlog.first()
    }

    /// Reads all that there is.
    fn read(subscriptions: &mut Subscriptions, key: u64) {
        let asker = Asker { uid: 2001, is_admin: false, listing: Listing::All };
        while let Some(offer) = subscriptions.offer(key, &asker, |_| None, |_| None).unwrap() {
            subscriptions.sent(key, &offer);
        }
        subscriptions.settle(key, false);
    }

    #[test]
    fn what_everybody_has_been_told_is_not_kept_and_without_anybody_nothing_is() {
        let mut subscriptions = Subscriptions::default();
        let event = Event::UserAdded(Uid::try_from(2001).unwrap());
        let publish = |subscriptions: &mut Subscriptions| {
            (0..10).for_each(|_| subscriptions.publish(&event, Audience::of(&event, |_| None)).unwrap());
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
}
