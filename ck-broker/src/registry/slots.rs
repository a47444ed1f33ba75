//! The sessions, by id.

use super::Entry;
use ck_protocol::SessionId;

/// How many empty slots are not worth a sweep.
const FEW: usize = 32;

/// A slot: the id that it was made for, and its session until that ends.
type Slot = (SessionId, Option<Entry>);

/// Sessions in a vector of slots. Ids only ever grow, so a new one goes to the end, the vector
/// stays sorted, and a session is found by binary search; an emptied slot is swept out once the
/// empty ones outnumber the others. Insertion is O(1), removal O(1) amortised beside the search.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    full: usize,
}

impl Slots {
    /// Adds a session whose id is above all others.
    pub(super) fn push(&mut self, entry: Entry) {
        debug_assert!(self.slots.last().is_none_or(|(id, _)| *id < entry.session.id));
        self.slots.push((entry.session.id, Some(entry)));
        self.full += 1;
    }

    pub(super) fn get(&self, id: SessionId) -> Option<&Entry> {
        self.slots.get(self.position(id)?)?.1.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: SessionId) -> Option<&mut Entry> {
        let position = self.position(id)?;
        self.slots.get_mut(position)?.1.as_mut()
    }

    /// Takes a session out; `None` if it is not, or no longer, here.
    pub(super) fn remove(&mut self, id: SessionId) -> Option<Entry> {
        let position = self.position(id)?;
        let entry = self.slots.get_mut(position)?.1.take()?;
        self.full -= 1;
        if self.slots.len() > 2 * self.full + FEW {
            self.slots.retain(|(_, entry)| entry.is_some());
        }
        Some(entry)
    }

    /// The sessions from `id` on, by id.
    pub(super) fn from(&self, id: SessionId) -> impl Iterator<Item = &Entry> {
        let start = self.slots.partition_point(|(slot, _)| *slot < id);
        self.slots.iter().skip(start).filter_map(|(_, entry)| entry.as_ref())
    }

    pub(super) fn len(&self) -> usize {
        self.full
    }

    fn position(&self, id: SessionId) -> Option<usize> {
        self.slots.binary_search_by_key(&id, |(slot, _)| *slot).ok()
    }
}
