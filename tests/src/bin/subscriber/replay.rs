//! What a subscriber makes of what it is told: the table, at every moment.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ck_protocol::{AdminRequest, Change, Codec, Event, Refusal, Reply, Session, SessionId, limits};
use ck_tests::wire::Wire;

/// The sessions that somebody knows of; each as a number that stands for all that is known of it.
#[derive(Debug, Default)]
pub(crate) struct Table {
    sessions: BTreeMap<SessionId, u64>,
    all: u64,
}

/// A subscriber.
pub(crate) struct Replay {
    pub(crate) wire: Wire,
    pub(crate) table: Table,
    /// The number of the next change, once the snapshot is complete.
    pub(crate) next: Option<u64>,
    pub(crate) lost: u64,
    /// Changes that were told within the snapshot.
    pub(crate) within: u64,
}

impl Table {
    fn put(&mut self, session: &Session) -> bool {
        let before = self.take(session.id);
        let mut room = [0; limits::REPLY];
        let mut hasher = DefaultHasher::new();
        let length = Codec::plain().encode(session, &mut room).expect("a session that fits");
        room[..length].hash(&mut hasher);
        self.all ^= hasher.finish();
        self.sessions.insert(session.id, hasher.finish());
        before
    }

    fn take(&mut self, id: SessionId) -> bool {
        let known = self.sessions.remove(&id);
        self.all ^= known.unwrap_or(0);
        known.is_some()
    }

    /// A number that is the same for tables that are the same.
    pub(crate) fn digest(&self) -> (usize, u64) {
        (self.sessions.len(), self.all)
    }
}

impl FromIterator<Session> for Table {
    fn from_iter<I: IntoIterator<Item = Session>>(sessions: I) -> Self {
        let mut table = Self::default();
        for session in sessions {
            assert!(!table.put(&session), "twice in the list: {session:?}");
        }
        table
    }
}

impl Replay {
    /// Subscribes; or why not.
    pub(crate) fn start() -> Result<Self, Refusal> {
        let wire = Wire::admin().expect("a broker that listens");
        match wire.ask(&AdminRequest::Subscribe).expect("a broker that answers") {
            Reply::Refused(refusal) => Err(refusal),
            first => {
                let mut replay = Self { wire, table: Table::default(), next: None, lost: 0, within: 0 };
                replay.take(first);
                Ok(replay)
            }
        }
    }

    pub(crate) fn take(&mut self, reply: Reply) {
        match reply {
            Reply::Session(session) => {
                let last = self.table.sessions.keys().next_back();
                assert!(self.next.is_none(), "a record after the snapshot");
                assert!(last.is_none_or(|last| *last < session.id), "not by rising id: {session:?}");
                self.table.put(&session);
            }
            Reply::Seat(_) => {}
            Reply::Synced(next) => assert_eq!(self.next.replace(next), None, "synced twice"),
            Reply::Lost(count) => {
                self.lost += count;
                self.next = self.next.map(|next| next + count);
            }
            Reply::Change(change) => self.change(*change),
            other => panic!("not for a subscriber: {other:?}"),
        }
    }

    fn change(&mut self, Change { sequence, event }: Change) {
        match &mut self.next {
            Some(next) => {
                assert_eq!(sequence, *next, "numbers without a gap");
                *next += 1;
            }
            None => self.within += 1,
        }
        // Whoever has lost something knows no longer what to expect.
        let sure = self.lost == 0;
        match event {
            Event::SessionAdded(session) => {
                assert!(!self.table.put(&session) || !sure, "added twice: {session:?}");
            }
            Event::SessionChanged(session) => {
                assert!(self.table.put(&session) || !sure, "changed, and not known: {session:?}");
            }
            Event::SessionRemoved { id, .. } => {
                assert!(self.table.take(id) || !sure, "removed, and not known: {id}");
            }
            Event::SeatChanged { .. } => {}
            _ => assert!(self.next.is_some(), "told within the snapshot: {event:?}"),
        }
    }
}
