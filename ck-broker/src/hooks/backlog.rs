//! What hooks are still to be told, and how much of that there may be.

use super::{
    occasion::{Lane, Occasion},
    schedule::Schedule,
};
use crate::limit::Limit;
use ck_protocol::{SessionId, Uid};
use std::collections::{HashMap, HashSet};

/// How many occasions may wait; the last of them only of root and of users of whom none waits. What comes over that is
/// told to no hook, but the end of a session whose beginning was told: of those there are never more than sessions.
pub(super) const WAITING: Limit = Limit::of(8192);

/// All occasions that wait, and the lanes of those that are being told. Those of seats are root's.
#[derive(Debug)]
pub(super) struct Backlog {
    schedule: Schedule<Uid, Lane, Occasion>,
    /// How many of each user wait.
    of: HashMap<Uid, usize>,
    /// Sessions of which no hook has heard, because too much waited.
    unheard: HashSet<SessionId>,
}

impl Backlog {
    pub(super) fn new(parallel: usize) -> Self {
        Self { schedule: Schedule::new(parallel), of: HashMap::new(), unheard: HashSet::new() }
    }

    /// From now on, so many are told at once.
    pub(super) fn set_parallel(&mut self, parallel: usize) {
        self.schedule.set_parallel(parallel);
    }

    /// Adds what has happened; gives back what there is no room for. Who hears that a session was
    /// added also hears that it was removed, and nobody else does.
    pub(super) fn push(&mut self, occasion: Occasion) -> Result<(), Occasion> {
        match &occasion {
            Occasion::SessionRemoved(session) if self.unheard.remove(&session.id) => return Ok(()),
            Occasion::SessionActiveChanged(session) if self.unheard.contains(&session.id) => return Ok(()),
            Occasion::SessionRemoved(_) => {}
            Occasion::SessionAdded(session) if !self.has_room(&occasion) => {
                self.unheard.insert(session.id);
                return Err(occasion);
            }
            _ if !self.has_room(&occasion) => return Err(occasion),
            _ => {}
        }
        *self.of.entry(occasion.uid()).or_default() += 1;
        self.schedule.push(occasion.uid(), occasion.lane(), occasion);
        Ok(())
    }

    fn has_room(&self, occasion: &Occasion) -> bool {
        let own = self.of.get(&occasion.uid()).copied().unwrap_or(0);
        WAITING.admits(occasion.uid(), own, self.schedule.waiting()).is_ok()
    }

    /// The next one, if one may be begun. Its lane is busy until [`Backlog::finish`].
    pub(super) fn begin(&mut self) -> Option<(Lane, Occasion)> {
        let begun = self.schedule.begin()?;
        let uid = begun.1.uid();
        if let Some(count) = self.of.get_mut(&uid) {
            *count -= 1;
            if *count == 0 {
                self.of.remove(&uid);
            }
        }
        Some(begun)
    }

    /// It has been told.
    pub(super) fn finish(&mut self, occasion: &Occasion) {
        self.schedule.finish(occasion.lane());
    }

    /// A hook that was told of something of the uid's hangs in the kernel: it takes the place of one that runs, so that
    /// not ever more do.
    pub(super) fn hangs(&mut self, uid: Uid) {
        self.schedule.lose_place(uid);
    }

    /// It has ended after all.
    pub(super) fn hangs_no_more(&mut self, uid: Uid) {
        self.schedule.regain_place(uid);
    }

    pub(super) fn waiting(&self) -> usize {
        self.schedule.waiting()
    }

    /// Whether [`Backlog::begin`] would return one.
    pub(super) fn is_due(&self) -> bool {
        self.schedule.is_due()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::environment::tests::session, *};
    use ck_protocol::Session;

    /// A session of the uid.
    fn of(uid: u32, id: usize) -> Box<Session> {
        let id = SessionId::new(u64::try_from(id).unwrap());
        Box::new(Session { id, uid: Uid::try_from(uid).unwrap(), ..session() })
    }

    #[test]
    fn who_is_told_of_a_session_is_told_of_its_end_and_nobody_else_is() {
        let mut backlog = Backlog::new(2);
        for id in 0..WAITING.per_user {
            backlog.push(Occasion::SessionAdded(of(2001, id))).unwrap();
        }
        let lost = Occasion::SessionAdded(of(2001, WAITING.per_user));
        assert_eq!(backlog.push(lost.clone()), Err(lost));
        backlog.push(Occasion::SessionActiveChanged(of(2001, WAITING.per_user))).unwrap();
        for id in 0..=WAITING.per_user {
            backlog.push(Occasion::SessionRemoved(of(2001, id))).unwrap();
        }
        assert_eq!(backlog.waiting(), 2 * WAITING.per_user);
        while let Some((_, occasion)) = backlog.begin() {
            backlog.finish(&occasion);
        }
        assert_eq!((backlog.waiting(), backlog.of.len(), backlog.unheard.len()), (0, 0, 0));
    }

    #[test]
    fn who_has_none_waiting_and_root_are_told_of_however_much_others_have() {
        let mut backlog = Backlog::new(2);
        for uid in 2001..2011 {
            let push = |id| backlog.push(Occasion::SessionAdded(of(uid, id + WAITING.all * uid as usize)));
            assert!((0..WAITING.per_user).map(push).filter(Result::is_ok).count() > 0, "{uid}");
        }
        backlog.push(Occasion::SessionAdded(of(3001, 1))).unwrap();
        backlog.push(Occasion::SessionRemoved(of(3001, 1))).unwrap();
        let more = Occasion::SessionAdded(of(3001, 2));
        assert_eq!(backlog.push(more.clone()), Err(more), "it is too much in all");
        backlog.push(Occasion::SeatAdded(ck_protocol::ShortName::clipped("seat0"))).unwrap();
        assert!(backlog.waiting() < WAITING.all);
    }
}
