//! A fair schedule: work that is ordered by key, and shared places for users.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::Hash,
};

/// Work `T` with an ordering key `K`. Every key belongs to one user `U`.
///
/// Work with the same key is done one piece after another, in the order in which it was added. Work of at most `parallel`
/// keys is done at the same time: each of them takes a place.
///
/// Users take turns. The user who holds the fewest places is next. Among users who hold the same number, it is the user
/// whose last turn was longest ago. The last free place is for users who hold none. A user with little work therefore waits
/// for at most one turn of every other user, however much work those have.
#[derive(Debug)]
pub struct Schedule<U, K, T> {
    parallel: usize,
    /// The work that waits. Keys without waiting work are not in the map.
    queues: HashMap<K, VecDeque<T>>,
    /// The users who have a ready key or hold a place.
    users: HashMap<U, User<K>>,
    /// The users who have a ready key, in the order of their turns.
    turns: BTreeSet<Turn<U>>,
    /// The keys whose work is being done, and their users.
    busy: HashMap<K, U>,
    /// The number of places that are held by work that is no longer waited for.
    lost: usize,
    next_turn: u64,
    waiting: usize,
}

/// The number of places that the user holds, and the time of the last turn, counted in turns.
type Turn<U> = (usize, u64, U);

#[derive(Debug)]
struct User<K> {
    /// The keys with waiting work of which none is being done.
    ready: VecDeque<K>,
    /// The number of places that the user holds.
    held: usize,
    /// The time of the last turn, or of the first work.
    turn: u64,
}

impl<U: Clone + Ord + Hash, K: Clone + Eq + Hash, T> Schedule<U, K, T> {
    /// An empty schedule with `parallel` places.
    #[must_use]
    pub fn new(parallel: usize) -> Self {
        Self {
            parallel,
            queues: HashMap::new(),
            users: HashMap::new(),
            turns: BTreeSet::new(),
            busy: HashMap::new(),
            lost: 0,
            next_turn: 0,
            waiting: 0,
        }
    }

    /// Sets the number of places. Work that has begun goes on.
    pub fn set_parallel(&mut self, parallel: usize) {
        self.parallel = parallel;
    }

    /// Adds work. A key must always be used with the same user.
    pub fn push(&mut self, user: U, key: K, work: T) {
        let queue = self.queues.entry(key.clone()).or_default();
        queue.push_back(work);
        self.waiting += 1;
        if queue.len() == 1 && !self.busy.contains_key(&key) {
            self.change(user, |state| state.ready.push_back(key));
        }
    }

    /// Begins the next piece of work, if one is due. Its key is busy until [`Schedule::finish`].
    pub fn begin(&mut self) -> Option<(K, T)> {
        let user = self.next()?.clone();
        let turn = self.next_turn;
        self.next_turn += 1;
        let key = self.change(user.clone(), |state| {
            state.turn = turn;
            state.held += 1;
            state.ready.pop_front()
        })?;
        let queue = self.queues.get_mut(&key)?;
        let work = queue.pop_front()?;
        if queue.is_empty() {
            self.queues.remove(&key);
        }
        self.waiting -= 1;
        self.busy.insert(key.clone(), user);
        Some((key, work))
    }

    /// Ends the work that was begun with this key.
    pub fn finish(&mut self, key: K) {
        let Some(user) = self.busy.remove(&key) else { return };
        let more = self.queues.contains_key(&key);
        self.change(user, |state| {
            state.held -= 1;
            state.ready.extend(more.then_some(key));
        });
    }

    /// Gives the user a place for work that hangs and is no longer waited for. The place belongs to no key.
    pub fn lose_place(&mut self, user: U) {
        self.lost += 1;
        self.change(user, |state| state.held += 1);
    }

    /// Takes back a place from [`Schedule::lose_place`]: the work that hung has ended.
    pub fn regain_place(&mut self, user: U) {
        self.lost -= 1;
        self.change(user, |state| state.held -= 1);
    }

    /// The number of pieces of work that have not begun.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The number of busy keys.
    #[cfg(test)]
    pub fn busy(&self) -> usize {
        self.busy.len()
    }

    /// True if [`Schedule::begin`] would return work.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.next().is_some()
    }

    /// The user whose turn it is, if there is a place for that user.
    fn next(&self) -> Option<&U> {
        let (held, _, user) = self.turns.first()?;
        // One place is always left, however many are lost.
        let taken = self.busy.len() + self.lost.min(self.parallel.saturating_sub(1));
        let kept = usize::from(*held > 0);
        (taken + kept < self.parallel).then_some(user)
    }

    /// Changes the state of a user, and updates the order of turns.
    fn change<R>(&mut self, user: U, change: impl FnOnce(&mut User<K>) -> R) -> R {
        let turn = self.next_turn;
        let state = self.users.entry(user.clone()).or_insert_with(|| {
            self.next_turn += 1;
            User { ready: VecDeque::new(), held: 0, turn }
        });
        self.turns.remove(&(state.held, state.turn, user.clone()));
        let result = change(state);
        if !state.ready.is_empty() {
            self.turns.insert((state.held, state.turn, user));
        } else if state.held == 0 {
            self.users.remove(&user);
        }
        result
    }
}

#[cfg(test)]
mod tests;
