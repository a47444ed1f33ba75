//! Which hook event is due, and how many may wait.

use super::Schedule;
use crate::model::{HookEvent, Limit, OrderingKey};
use ck_protocol::{SessionId, Uid};
use std::collections::{HashMap, HashSet};

/// The maximum number of events that wait. The last share is for root and for users of whom none waits. Events over the
/// limit are told to no hook. The end of a session whose beginning was told is exempt: there are never more of those than
/// sessions.
const WAITING: Limit = Limit::of(8192);

/// The hook events that wait or are being told. Events of seats count as root's.
#[derive(Debug)]
pub struct HookQueue {
    schedule: Schedule<Uid, OrderingKey, HookEvent>,
    /// The number of waiting events of each user.
    waiting_of: HashMap<Uid, usize>,
    /// The sessions of which no hook was told, because too many events waited.
    untold: HashSet<SessionId>,
}

impl HookQueue {
    /// An empty queue. `parallel` events are told at the same time.
    #[must_use]
    pub fn new(parallel: usize) -> Self {
        Self { schedule: Schedule::new(parallel), waiting_of: HashMap::new(), untold: HashSet::new() }
    }

    /// Sets the number of events that are told at the same time.
    pub fn set_parallel(&mut self, parallel: usize) {
        self.schedule.set_parallel(parallel);
    }

    /// Adds an event. If hooks are told that a session was added, they are also told that it was removed, and otherwise
    /// they are not.
    ///
    /// # Errors
    /// The event, if it is over the limit.
    pub fn push(&mut self, event: HookEvent) -> Result<(), HookEvent> {
        match &event {
            HookEvent::SessionRemoved(session) if self.untold.remove(&session.id) => return Ok(()),
            HookEvent::SessionActiveChanged(session) if self.untold.contains(&session.id) => return Ok(()),
            HookEvent::SessionRemoved(_) => {}
            HookEvent::SessionAdded(session) if !self.has_room(&event) => {
                self.untold.insert(session.id);
                return Err(event);
            }
            _ if !self.has_room(&event) => return Err(event),
            _ => {}
        }
        *self.waiting_of.entry(event.uid()).or_default() += 1;
        self.schedule.push(event.uid(), event.ordering_key(), event);
        Ok(())
    }

    fn has_room(&self, event: &HookEvent) -> bool {
        let own = self.waiting_of.get(&event.uid()).copied().unwrap_or(0);
        WAITING.admits(event.uid(), own, self.schedule.waiting()).is_ok()
    }

    /// Begins the next event, if one is due. Its key is busy until [`HookQueue::finish`].
    pub fn begin(&mut self) -> Option<(OrderingKey, HookEvent)> {
        let begun = self.schedule.begin()?;
        let uid = begun.1.uid();
        if let Some(count) = self.waiting_of.get_mut(&uid) {
            *count -= 1;
            if *count == 0 {
                self.waiting_of.remove(&uid);
            }
        }
        Some(begun)
    }

    /// Ends the event: all hooks have been told.
    pub fn finish(&mut self, event: &HookEvent) {
        self.schedule.finish(event.ordering_key());
    }

    /// A hook hangs in the kernel. It was told of an event of this user. It takes a place of the user, so that the number of
    /// hanging hooks is bounded.
    pub fn hangs(&mut self, uid: Uid) {
        self.schedule.lose_place(uid);
    }

    /// The hook that hung has ended.
    pub fn hangs_no_more(&mut self, uid: Uid) {
        self.schedule.regain_place(uid);
    }

    /// The number of events that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.schedule.waiting()
    }

    /// True if [`HookQueue::begin`] would return an event.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.schedule.is_due()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Services, login};
    use ck_protocol::{Session, ShortName};

    /// A session of the uid.
    fn of(uid: u32, id: usize) -> Box<Session> {
        let id = SessionId::new(u64::try_from(id).unwrap());
        let session = login("pts/0", None).session(id, None, &Services::default());
        Box::new(Session { uid: Uid::try_from(uid).unwrap(), ..session })
    }

    #[test]
    fn who_is_told_of_a_session_is_told_of_its_end_and_nobody_else_is() {
        let mut queue = HookQueue::new(2);
        for id in 0..WAITING.per_user {
            queue.push(HookEvent::SessionAdded(of(2001, id))).unwrap();
        }
        let lost = HookEvent::SessionAdded(of(2001, WAITING.per_user));
        assert_eq!(queue.push(lost.clone()), Err(lost));
        queue.push(HookEvent::SessionActiveChanged(of(2001, WAITING.per_user))).unwrap();
        for id in 0..=WAITING.per_user {
            queue.push(HookEvent::SessionRemoved(of(2001, id))).unwrap();
        }
        assert_eq!(queue.waiting(), 2 * WAITING.per_user);
        while let Some((_, event)) = queue.begin() {
            queue.finish(&event);
        }
        assert_eq!((queue.waiting(), queue.waiting_of.len(), queue.untold.len()), (0, 0, 0));
    }

    #[test]
    fn who_has_none_waiting_and_root_are_told_of_however_much_others_have() {
        let mut queue = HookQueue::new(2);
        for uid in 2001..2011 {
            let push = |id| queue.push(HookEvent::SessionAdded(of(uid, id + WAITING.all * uid as usize)));
            assert!((0..WAITING.per_user).map(push).filter(Result::is_ok).count() > 0, "{uid}");
        }
        queue.push(HookEvent::SessionAdded(of(3001, 1))).unwrap();
        queue.push(HookEvent::SessionRemoved(of(3001, 1))).unwrap();
        let more = HookEvent::SessionAdded(of(3001, 2));
        assert_eq!(queue.push(more.clone()), Err(more), "it is too much in all");
        queue.push(HookEvent::SeatAdded(ShortName::clipped("seat0"))).unwrap();
        assert!(queue.waiting() < WAITING.all);
    }
}
