//! Whose turn it is: pure, so that a test can drive it at random.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::Hash,
};

/// Work in lanes. Within a lane one piece is done after the other, in the order in which they came;
/// as many lanes as `parallel` are busy at once, and whoever waits longest is next.
#[derive(Debug)]
pub(super) struct Schedule<L, T> {
    parallel: usize,
    /// What waits. A lane without anything that waits is not in here.
    lanes: HashMap<L, VecDeque<T>>,
    /// The lanes in which something waits and nothing is being done.
    ready: VecDeque<L>,
    busy: HashSet<L>,
    waiting: usize,
}

impl<L: Clone + Eq + Hash, T> Schedule<L, T> {
    /// One without work, of which as many lanes as `parallel` are busy at once.
    pub(super) fn new(parallel: usize) -> Self {
        Self { parallel, lanes: HashMap::new(), ready: VecDeque::new(), busy: HashSet::new(), waiting: 0 }
    }

    /// From now on, as many lanes as `parallel` are busy at once; those that are busy now stay so.
    pub(super) fn set_parallel(&mut self, parallel: usize) {
        self.parallel = parallel;
    }

    /// Adds work at the end of its lane.
    pub(super) fn push(&mut self, lane: L, work: T) {
        let queue = self.lanes.entry(lane.clone()).or_default();
        queue.push_back(work);
        self.waiting += 1;
        if queue.len() == 1 && !self.busy.contains(&lane) {
            self.ready.push_back(lane);
        }
    }

    /// The next piece of work, if one may be begun. Its lane is busy until [`Schedule::finish`].
    pub(super) fn begin(&mut self) -> Option<(L, T)> {
        if self.busy.len() >= self.parallel {
            return None;
        }
        let lane = self.ready.pop_front()?;
        let queue = self.lanes.get_mut(&lane)?;
        let work = queue.pop_front()?;
        if queue.is_empty() {
            self.lanes.remove(&lane);
        }
        self.waiting -= 1;
        self.busy.insert(lane.clone());
        Some((lane, work))
    }

    /// The work that was begun in this lane is done.
    pub(super) fn finish(&mut self, lane: L) {
        if self.busy.remove(&lane) && self.lanes.contains_key(&lane) {
            self.ready.push_back(lane);
        }
    }

    /// How many pieces of work have not begun.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How many lanes are busy.
    pub(super) fn busy(&self) -> usize {
        self.busy.len()
    }

    /// Whether [`Schedule::begin`] would return work.
    pub(super) fn is_due(&self) -> bool {
        self.busy.len() < self.parallel && !self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Step {
        Push(u8),
        Begin,
        /// The nth of the busy lanes is done.
        Finish(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..6u8).prop_map(Step::Push),
            3 => Just(Step::Begin),
            2 => any::<prop::sample::Index>().prop_map(|index| Step::Finish(index.index(64))),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

        #[test]
        fn nothing_is_lost_doubled_or_overtaken_and_never_too_much_at_once(
            parallel in 1..5usize,
            steps in prop::collection::vec(step(), 1..200),
        ) {
            let mut schedule = Schedule::new(parallel);
            let (mut pushed, mut begun) = (Vec::new(), Vec::new());
            let mut busy: Vec<u8> = Vec::new();
            let mut take = |schedule: &mut Schedule<u8, usize>, busy: &mut Vec<u8>| {
                let due = schedule.is_due();
                let work = schedule.begin();
                assert_eq!(work.is_some(), due);
                if let Some((lane, number)) = work {
                    assert!(!busy.contains(&lane), "two at once in one lane");
                    busy.push(lane);
                    begun.push((lane, number));
                }
                due
            };
            for step in steps {
                match step {
                    Step::Push(lane) => {
                        schedule.push(lane, pushed.len());
                        pushed.push((lane, pushed.len()));
                    }
                    Step::Begin => drop(take(&mut schedule, &mut busy)),
                    Step::Finish(_) if busy.is_empty() => {}
                    Step::Finish(n) => schedule.finish(busy.remove(n % busy.len())),
                }
                prop_assert!(busy.len() <= parallel);
                prop_assert_eq!(schedule.busy(), busy.len());
            }
            while take(&mut schedule, &mut busy) || !busy.is_empty() {
                if busy.len() == parallel || !schedule.is_due() {
                    schedule.finish(busy.remove(0));
                }
            }
            prop_assert_eq!((schedule.waiting(), schedule.lanes.len(), schedule.ready.len()), (0, 0, 0));
            for lane in 0..6u8 {
                let of = |all: &[(u8, usize)]| -> Vec<usize> {
                    all.iter().filter(|(other, _)| *other == lane).map(|(_, number)| *number).collect()
                };
                prop_assert_eq!(of(&begun), of(&pushed), "in the order in which it came, each once");
            }
        }
    }

    #[test]
    fn a_lane_with_much_to_do_keeps_nobody_waiting() {
        let mut schedule = Schedule::new(1);
        for number in 0..3 {
            schedule.push("much", number);
        }
        schedule.push("little", 0);
        schedule.begin();
        schedule.finish("much");
        assert_eq!(schedule.begin(), Some(("little", 0)));
    }
}
