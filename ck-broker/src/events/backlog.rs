//! The last changes, for those who have not been told of them yet.

use super::Audience;
use crate::server::permissions::Asker;
use ck_protocol::{Change, EncodeError, Event, Reply, SessionId, Version, limits};
use std::{collections::VecDeque, rc::Rc};

/// How many changes are kept at most, for all subscribers together. A thousand leaders that die at once make
/// some three thousand.
pub const CHANGES: usize = 4096;
/// How many bytes their packets have at most, in all versions together. Some eighty each are usual.
pub const BYTES: usize = 1 << 20;
/// How many places for changes are not worth giving back.
const FEW: usize = 64;

/// What a change is about, as far as a snapshot tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Session(SessionId),
    Seat,
    /// What may be seen at all.
    Policy,
    /// Nothing that a snapshot has a record of.
    Other,
}

/// A change.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its packet in each version that a subscriber spoke when it happened. Who came later is not told of it.
    packets: Vec<(Version, Rc<[u8]>)>,
    subject: Subject,
    audience: Audience,
}

impl Kept {
    /// Its packet for those who speak that version.
    pub(super) fn packet(&self, version: Version) -> Option<&Rc<[u8]>> {
        self.packets.iter().find(|(spoken, _)| *spoken == version).map(|(_, packet)| packet)
    }

    fn bytes(&self) -> usize {
        self.packets.iter().map(|(_, packet)| packet.len()).sum()
    }

    /// Whether the peer is to be told, to whom a snapshot has told the sessions below `told`, or all.
    pub(super) fn is_for(&self, peer: &Asker, told: Option<SessionId>) -> bool {
        let news = match (self.subject, told) {
            (_, None) | (Subject::Seat | Subject::Policy, _) => true,
            // What is still to be told contains the change.
            (Subject::Session(id), Some(told)) => id < told,
            (Subject::Other, Some(_)) => false,
        };
        news && self.audience.has(peer)
    }
}

/// Changes with consecutive numbers, up to the last that there was.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    kept: VecDeque<Kept>,
    bytes: usize,
    /// The number of the next change.
    next: u64,
}

impl Backlog {
    /// The number of the next change.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest change that is kept, or else of the next one.
    pub(super) fn first(&self) -> u64 {
        self.next.saturating_sub(u64::try_from(self.kept.len()).unwrap_or(u64::MAX))
    }

    /// Counts a change that nobody is to be told of.
    pub(super) fn skip(&mut self) {
        self.kept.clear();
        self.bytes = 0;
        self.next += 1;
    }

    /// Adds a change, for those who speak these versions. The oldest ones go where there are too many.
    pub(super) fn push(
        &mut self,
        event: &Event,
        audience: Audience,
        versions: &[Version],
    ) -> Result<(), EncodeError> {
        let change = Change { sequence: self.next, event: event.clone() };
        self.push_packets(&Reply::Change(Box::new(change)), subject(event), audience, versions)
    }

    /// Adds, in place of a change, that others may be seen from here on than before.
    pub(super) fn push_policy(&mut self, versions: &[Version]) -> Result<(), EncodeError> {
        self.push_packets(&Reply::Lost(1), Subject::Policy, Audience::AllButRoot, versions)
    }

    fn push_packets(
        &mut self,
        reply: &Reply,
        subject: Subject,
        audience: Audience,
        versions: &[Version],
    ) -> Result<(), EncodeError> {
        let mut buffer = [0; limits::REPLY];
        let mut packet = |version: &Version| Ok((*version, Rc::from(version.encode(reply, &mut buffer)?)));
        let packets = match versions.iter().map(&mut packet).collect() {
            Ok(packets) => packets,
            Err(error) => {
                // Nobody can be told of it, and everybody is told that something is missing.
                self.skip();
                return Err(error);
            }
        };
        self.next += 1;
        self.keep(Kept { packets, subject, audience });
        Ok(())
    }

    fn keep(&mut self, change: Kept) {
        self.bytes += change.bytes();
        self.kept.push_back(change);
        while self.kept.len() > CHANGES || self.bytes > BYTES {
            self.drop_oldest();
        }
    }

    /// The change of that number, if it is still kept.
    pub(super) fn get(&self, number: u64) -> Option<&Kept> {
        let index = number.checked_sub(self.first())?;
        self.kept.get(usize::try_from(index).ok()?)
    }

    /// Drops the changes that are older than that one.
    pub(super) fn forget_before(&mut self, number: u64) {
        while self.first() < number && !self.kept.is_empty() {
            self.drop_oldest();
        }
        if self.kept.is_empty() {
            self.kept.shrink_to(FEW);
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.bytes();
        }
    }
}

fn subject(event: &Event) -> Subject {
    match event {
        Event::SessionAdded(session) | Event::SessionChanged(session) => Subject::Session(session.id),
        Event::SessionRemoved { id, .. }
        | Event::LockRequested { id, .. }
        | Event::UnlockRequested { id, .. } => Subject::Session(*id),
        Event::SeatChanged { .. } => Subject::Seat,
        Event::UserAdded(_)
        | Event::UserRemoved(_)
        | Event::TeardownFinished(_)
        | Event::TeardownFailed(_) => Subject::Other,
    }
}
