//! The sessions, ordered by id.

use crate::model::SessionRecord;
use ck_protocol::SessionId;

/// The number of empty slots that are tolerated at any size.
const FEW: usize = 32;

/// A slot: the id of a session, and the session until it ends.
type Slot = (SessionId, Option<SessionRecord>);

/// The sessions in a sorted vector of slots.
///
/// Ids only grow, so a new session goes to the end, and the vector stays sorted. A session is found by binary search.
/// Empty slots are removed once they outnumber the others. Insertion is O(1); removal is O(1) amortised, plus the search.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    full: usize,
}

impl Slots {
    /// Adds a session. Its id must be larger than all others.
    pub(super) fn push(&mut self, record: SessionRecord) {
        debug_assert!(self.slots.last().is_none_or(|(id, _)| *id < record.session.id));
        self.slots.push((record.session.id, Some(record)));
        self.full += 1;
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&SessionRecord> {
        self.slots.get(self.position(id)?)?.1.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut SessionRecord> {
        let position = self.position(id)?;
        self.slots.get_mut(position)?.1.as_mut()
    }

    /// Removes a session. `None`: there is no such session.
    pub(super) fn remove(&mut self, id: SessionId) -> Option<SessionRecord> {
        let position = self.position(id)?;
        let record = self.slots.get_mut(position)?.1.take()?;
        self.full -= 1;
        if self.slots.len() > 2 * self.full + FEW {
            self.slots.retain(|(_, record)| record.is_some());
        }
        Some(record)
    }

    /// The sessions with this id and all later ones, ordered by id.
    pub(super) fn from(&self, id: SessionId) -> impl Iterator<Item = &SessionRecord> {
        let start = self.slots.partition_point(|(slot, _)| *slot < id);
        self.slots.iter().skip(start).filter_map(|(_, record)| record.as_ref())
    }

    pub(super) fn len(&self) -> usize {
        self.full
    }

    fn position(&self, id: SessionId) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |(slot, _)| *slot).ok()
    }
}
