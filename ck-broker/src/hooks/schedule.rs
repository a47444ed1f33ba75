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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LANES: u8 = 8;

    /// Two lanes each are a user's.
    fn owner(lane: u8) -> u8 {
        lane / 2
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8),
        Begin,
        /// The nth of the busy lanes is done.
        Finish(usize),
        /// Something of that user's hangs for good.
        Lose(u8),
        /// The nth of those does so no more.
        Regain(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        let any = || any::<prop::sample::Index>().prop_map(|index| index.index(64));
        prop_oneof![
            6 => (0..LANES).prop_map(Step::Push),
            6 => Just(Step::Begin),
            4 => any().prop_map(Step::Finish),
            1 => (0..owner(LANES)).prop_map(Step::Lose),
            1 => any().prop_map(Step::Regain),
        ]
    }

    /// What should be: the same told by the longest way.
    #[derive(Default)]
    struct Model {
        parallel: usize,
        pushed: Vec<(u8, usize)>,
        begun: Vec<(u8, usize)>,
        busy: Vec<u8>,
        lost: Vec<u8>,
    }

    impl Model {
        fn held(&self, user: u8) -> usize {
            let busy = self.busy.iter().filter(|lane| owner(**lane) == user).count();
            busy + self.lost.iter().filter(|other| **other == user).count()
        }

        /// Whether something of the user's could be begun, were there places without end.
        fn is_ready(&self, user: u8) -> bool {
            let count = |all: &[(u8, usize)], lane| all.iter().filter(|(other, _)| *other == lane).count();
            (0..LANES)
                .filter(|lane| owner(*lane) == user && !self.busy.contains(lane))
                .any(|lane| count(&self.pushed, lane) > count(&self.begun, lane))
        }

        /// Begins what is due, and sees that it was right.
        fn begin(&mut self, schedule: &mut Schedule<u8, u8, usize>) -> bool {
            let due = schedule.is_due();
            let held = |model: &Self, user| model.held(user);
            let least =
                (0..owner(LANES)).filter(|user| self.is_ready(*user)).map(|user| held(self, user)).min();
            let places = self.parallel - self.busy.len().min(self.parallel);
            let places = places.saturating_sub(self.lost.len().min(self.parallel - 1));
            let expected = least.is_some_and(|least| places > usize::from(least > 0));
            assert_eq!(due, expected, "least {least:?}, places {places}");
            let work = schedule.begin();
            assert_eq!(work.is_some(), due);
            if let Some((lane, number)) = work {
                assert!(!self.busy.contains(&lane), "two at once in one lane");
                assert_eq!(Some(held(self, owner(lane))), least, "somebody else had less");
                self.busy.push(lane);
                self.begun.push((lane, number));
            }
            due
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_doubled_or_overtaken_and_who_has_least_is_next(
            parallel in 1..5usize,
            steps in prop::collection::vec(step(), 1..200),
        ) {
            let mut schedule = Schedule::new(parallel);
            let mut model = Model { parallel, ..Model::default() };
            for step in steps {
                match step {
                    Step::Push(lane) => {
                        let number = model.pushed.len();
                        schedule.push(owner(lane), lane, number);
                        model.pushed.push((lane, number));
                    }
                    Step::Begin => drop(model.begin(&mut schedule)),
                    Step::Finish(n) if !model.busy.is_empty() => {
                        schedule.finish(model.busy.remove(n % model.busy.len()));
                    }
                    Step::Lose(user) => {
                        schedule.lose_place(user);
                        model.lost.push(user);
                    }
                    Step::Regain(n) if !model.lost.is_empty() => {
                        schedule.regain_place(model.lost.remove(n % model.lost.len()));
                    }
                    Step::Finish(_) | Step::Regain(_) => {}
                }
                prop_assert!(model.busy.len() <= parallel);
                prop_assert_eq!(schedule.busy(), model.busy.len());
            }
            for user in std::mem::take(&mut model.lost) {
                schedule.regain_place(user);
            }
            while model.begin(&mut schedule) || !model.busy.is_empty() {
                if !schedule.is_due() {
                    schedule.finish(model.busy.remove(0));
                }
            }
            prop_assert_eq!((schedule.waiting(), schedule.lanes.len()), (0, 0));
            prop_assert_eq!((schedule.turns.len(), schedule.users.len(), schedule.lost), (0, 0, 0));
            for lane in 0..LANES {
                let of = |all: &[(u8, usize)]| -> Vec<usize> {
                    all.iter().filter(|(other, _)| *other == lane).map(|(_, number)| *number).collect()
                };
                prop_assert_eq!(of(&model.begun), of(&model.pushed), "in the order in which it came, each once");
            }
        }
    }

    #[test]
    fn a_lane_with_much_to_do_keeps_nobody_waiting() {
        let mut schedule = Schedule::new(1);
        for number in 0..3 {
            schedule.push("alice", "much", number);
        }
        schedule.push("alice", "little", 0);
        schedule.begin();
        schedule.finish("much");
        assert_eq!(schedule.begin(), Some(("little", 0)));
    }

    /// Alice has hundreds of lanes, and what she has done comes back at once.
    #[test]
    fn a_user_with_many_lanes_keeps_nobody_waiting() {
        let mut schedule = Schedule::new(1);
        for lane in 0..300 {
            schedule.push("alice", lane, ());
        }
        schedule.push("bob", 1000, ());
        schedule.push("carol", 2000, ());
        let mut begun = Vec::new();
        for _ in 0..6 {
            let (lane, ()) = schedule.begin().unwrap();
            schedule.finish(lane);
            begun.push(lane);
            schedule.push("alice", 300 + begun.len(), ());
        }
        assert_eq!(begun, [0, 1000, 2000, 1, 2, 3]);
    }

    #[test]
    fn the_last_place_is_for_who_has_none() {
        let mut schedule = Schedule::new(3);
        for lane in 0..10 {
            schedule.push("alice", lane, ());
        }
        assert_eq!(std::iter::from_fn(|| schedule.begin()).count(), 2);
        assert!(!schedule.is_due(), "nothing to wake up for");
        schedule.push("bob", 100, ());
        schedule.push("bob", 101, ());
        assert_eq!(schedule.begin(), Some((100, ())));
        assert_eq!(schedule.begin(), None);
        // What hangs for good takes places of its user's, and never the last one.
        (0..3).for_each(|_| schedule.lose_place("alice"));
        (0..2).for_each(|lane| schedule.finish(lane));
        assert_eq!(schedule.begin(), None, "bob has one already");
        schedule.finish(100);
        assert_eq!(schedule.begin(), Some((101, ())));
    }
}
