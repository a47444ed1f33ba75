//! The changes that some subscriber has not received yet.

use crate::policy::{Requester, Visibility};
use ck_protocol::{Change, EncodeError, Event, Reply, SessionId, Version, limits};
use std::{collections::VecDeque, rc::Rc};

/// The maximum number of changes that are kept, for all subscribers together. A thousand leaders that die at once cause
/// about three thousand.
pub const CHANGES: usize = 4096;
/// The maximum size of their packets together, in all versions, in bytes. A packet usually has about a hundred.
pub const BYTES: usize = 1 << 20;
/// The capacity that an empty backlog keeps.
const FEW: usize = 64;

/// The part of a snapshot that a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Session(SessionId),
    Seat,
    /// Every part: the policy has changed.
    Policy,
    /// No part: a snapshot has no record of it.
    Other,
}

/// A change that is kept.
#[derive(Debug)]
pub(super) struct KeptChange {
    /// The packet in each version that a subscriber spoke when it happened. Later subscribers do not receive it.
    packets: Vec<(Version, Rc<[u8]>)>,
    subject: Subject,
    visibility: Visibility,
}

impl KeptChange {
    /// The packet in this version.
    pub(super) fn packet(&self, version: Version) -> Option<&Rc<[u8]>> {
        self.packets.iter().find(|(spoken, _)| *spoken == version).map(|(_, packet)| packet)
    }

    fn bytes(&self) -> usize {
        self.packets.iter().map(|(_, packet)| packet.len()).sum()
    }

    /// True if the change is sent to the requester. The requester's snapshot contains the sessions with ids below `told`;
    /// `None`: it contains all sessions.
    pub(super) fn is_for(&self, requester: &Requester, told: Option<SessionId>) -> bool {
        let news = match (self.subject, told) {
            (_, None) | (Subject::Seat | Subject::Policy, _) => true,
            // The rest of the snapshot will contain the change.
            (Subject::Session(id), Some(told)) => id < told,
            (Subject::Other, Some(_)) => false,
        };
        news && self.visibility.includes(requester)
    }
}

/// Changes with consecutive numbers, up to the latest one.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    kept: VecDeque<KeptChange>,
    bytes: usize,
    /// The number of the next change.
    next: u64,
}

impl Backlog {
    /// The number of the next change.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest change that is kept, or of the next change if none is kept.
    pub(super) fn first(&self) -> u64 {
        self.next.saturating_sub(u64::try_from(self.kept.len()).unwrap_or(u64::MAX))
    }

    /// Counts a change that is sent to nobody, and drops all others.
    pub(super) fn skip(&mut self) {
        self.kept.clear();
        self.bytes = 0;
        self.next += 1;
    }

    /// Adds a change, as a packet in each of the versions. Drops the oldest changes if there are too many.
    pub(super) fn push(
        &mut self,
        event: &Event,
        visibility: Visibility,
        versions: &[Version],
    ) -> Result<(), EncodeError> {
        let change = Change { sequence: self.next, event: event.clone() };
        self.push_packets(&Reply::Change(Box::new(change)), subject(event), visibility, versions)
    }

    /// Adds a change of the policy. Subscribers are told that one change is lost.
    pub(super) fn push_policy(&mut self, versions: &[Version]) -> Result<(), EncodeError> {
        self.push_packets(&Reply::Lost(1), Subject::Policy, Visibility::AllButRoot, versions)
    }

    fn push_packets(
        &mut self,
        reply: &Reply,
        subject: Subject,
        visibility: Visibility,
        versions: &[Version],
    ) -> Result<(), EncodeError> {
        let mut buffer = [0; limits::REPLY];
        let mut packet = |version: &Version| Ok((*version, Rc::from(version.encode(reply, &mut buffer)?)));
        let packets = match versions.iter().map(&mut packet).collect() {
            Ok(packets) => packets,
            Err(error) => {
                // No subscriber can receive it. All are told that something is lost.
                self.skip();
                return Err(error);
            }
        };
        self.next += 1;
        self.keep(KeptChange { packets, subject, visibility });
        Ok(())
    }

    fn keep(&mut self, change: KeptChange) {
        self.bytes += change.bytes();
        self.kept.push_back(change);
        while self.kept.len() > CHANGES || self.bytes > BYTES {
            self.drop_oldest();
        }
    }

    /// The change with this number, if it is kept.
    pub(super) fn get(&self, number: u64) -> Option<&KeptChange> {
        let index = number.checked_sub(self.first())?;
        self.kept.get(usize::try_from(index).ok()?)
    }

    /// Drops the changes with smaller numbers.
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
        Event::UserAdded { .. }
        | Event::UserRemoved { .. }
        | Event::TeardownFinished(_)
        | Event::TeardownFailed(_) => Subject::Other,
    }
}
