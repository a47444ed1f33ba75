//! Whose turn it is: pure, so that a test can drive it at random.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::Hash,
};

/// Work in lanes, each of which is some user's. Within a lane one piece is done after the other, in the order in which
/// they came; as many lanes as `parallel` are busy at once.
///
/// Between users it goes round: who has least being done is next, and of several who have as much, the one whose turn was
/// longest ago. The last place is for those who have nothing being done. So whoever has little to do waits for one turn of
/// each of the others at most, however much those have to do.
#[derive(Debug)]
pub(super) struct Schedule<U, L, T> {
    parallel: usize,
    /// What waits. A lane without anything that waits is not in here.
    lanes: HashMap<L, VecDeque<T>>,
    /// Those who have a lane that is ready, or hold a place.
    users: HashMap<U, User<L>>,
    /// Those who have a lane that is ready, in the order in which it is their turn.
    turns: BTreeSet<Turn<U>>,
    /// The lanes in which something is being done, and whose they are.
    busy: HashMap<L, U>,
    /// Places that are held by what nobody waits for any more.
    lost: usize,
    next_turn: u64,
    waiting: usize,
}

/// How many places the user holds, and when the last turn was.
type Turn<U> = (usize, u64, U);

#[derive(Debug)]
struct User<L> {
    /// The lanes in which something waits and nothing is being done.
    ready: VecDeque<L>,
    /// How many places are theirs.
    held: usize,
    /// When they last had a turn, or came.
    turn: u64,
}

impl<U: Clone + Ord + Hash, L: Clone + Eq + Hash, T> Schedule<U, L, T> {
    /// One without work, of which as many lanes as `parallel` are busy at once.
    pub(super) fn new(parallel: usize) -> Self {
        Self {
            parallel,
            lanes: HashMap::new(),
            users: HashMap::new(),
            turns: BTreeSet::new(),
            busy: HashMap::new(),
            lost: 0,
            next_turn: 0,
            waiting: 0,
        }
    }

    /// From now on, as many lanes as `parallel` are busy at once; those that are busy now stay so.
    pub(super) fn set_parallel(&mut self, parallel: usize) {
        self.parallel = parallel;
    }

    /// Adds work at the end of its lane, which is the user's, always the same one's.
    pub(super) fn push(&mut self, user: U, lane: L, work: T) {
        let queue = self.lanes.entry(lane.clone()).or_default();
        queue.push_back(work);
        self.waiting += 1;
        if queue.len() == 1 && !self.busy.contains_key(&lane) {
            self.change(user, |theirs| theirs.ready.push_back(lane));
        }
    }

    /// The next piece of work, if one may be begun. Its lane is busy until [`Schedule::finish`].
    pub(super) fn begin(&mut self) -> Option<(L, T)> {
        let user = self.next()?.clone();
        let turn = self.next_turn;
        self.next_turn += 1;
        let lane = self.change(user.clone(), |theirs| {
            theirs.turn = turn;
            theirs.held += 1;
            theirs.ready.pop_front()
        })?;
        let queue = self.lanes.get_mut(&lane)?;
        let work = queue.pop_front()?;
        if queue.is_empty() {
            self.lanes.remove(&lane);
        }
        self.waiting -= 1;
        self.busy.insert(lane.clone(), user);
        Some((lane, work))
    }

    /// The work that was begun in this lane is done.
    pub(super) fn finish(&mut self, lane: L) {
        let Some(user) = self.busy.remove(&lane) else { return };
        let more = self.lanes.contains_key(&lane);
        self.change(user, |theirs| {
            theirs.held -= 1;
            theirs.ready.extend(more.then_some(lane));
        });
    }

    /// From now on the user holds a place that is no lane's: something that is never done.
    pub(super) fn lose_place(&mut self, user: U) {
        self.lost += 1;
        self.change(user, |theirs| theirs.held += 1);
    }

    /// It was done after all.
    pub(super) fn regain_place(&mut self, user: U) {
        self.lost -= 1;
        self.change(user, |theirs| theirs.held -= 1);
    }

    /// How many pieces of work have not begun.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many lanes are busy.
    #[cfg(test)]
    pub(super) fn busy(&self) -> usize {
        self.busy.len()
    }

    /// Whether [`Schedule::begin`] would return work.
    pub(super) fn is_due(&self) -> bool {
        self.next().is_some()
    }

    /// Whose turn it is, if there is a place for them.
    fn next(&self) -> Option<&U> {
        let (held, _, user) = self.turns.first()?;
        // Whatever is lost, one place is left.
        let taken = self.busy.len() + self.lost.min(self.parallel.saturating_sub(1));
        let kept = usize::from(*held > 0);
        (taken + kept < self.parallel).then_some(user)
    }

    /// Changes what is known of a user, and so perhaps when it is their turn.
    fn change<R>(&mut self, user: U, change: impl FnOnce(&mut User<L>) -> R) -> R {
        let turn = self.next_turn;
        let theirs = self.users.entry(user.clone()).or_insert_with(|| {
            self.next_turn += 1;
            User { ready: VecDeque::new(), held: 0, turn }
        });
        self.turns.remove(&(theirs.held, theirs.turn, user.clone()));
        let result = change(theirs);
        if !theirs.ready.is_empty() {
            self.turns.insert((theirs.held, theirs.turn, user));
        } else if theirs.held == 0 {
            self.users.remove(&user);
        }
        result
    }
}

#[cfg(test)]
mod tests;
