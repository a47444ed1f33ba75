//! The schedule, driven at random and by the cases that it is made for.

use super::*;
use proptest::prelude::*;

const KEYS: u8 = 8;

/// Every user has two keys.
fn owner(key: u8) -> u8 {
    key / 2
}

#[derive(Clone, Debug)]
enum Step {
    Push(u8),
    Begin,
    /// The nth of the busy keys is done.
    Finish(usize),
    /// Work of this user hangs.
    Lose(u8),
    /// The nth of those ends.
    Regain(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let any = || any::<prop::sample::Index>().prop_map(|index| index.index(64));
    prop_oneof![
        6 => (0..KEYS).prop_map(Step::Push),
        6 => Just(Step::Begin),
        4 => any().prop_map(Step::Finish),
        1 => (0..owner(KEYS)).prop_map(Step::Lose),
        1 => any().prop_map(Step::Regain),
    ]
}

/// A model of the schedule: a simple implementation without any index.
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
        let busy = self.busy.iter().filter(|key| owner(**key) == user).count();
        busy + self.lost.iter().filter(|other| **other == user).count()
    }

    /// True if work of the user could begin with unlimited places.
    fn is_ready(&self, user: u8) -> bool {
        let count = |all: &[(u8, usize)], key| all.iter().filter(|(other, _)| *other == key).count();
        (0..KEYS)
            .filter(|key| owner(*key) == user && !self.busy.contains(key))
            .any(|key| count(&self.pushed, key) > count(&self.begun, key))
    }

    /// Begins work, and checks that it was the right one.
    fn begin(&mut self, schedule: &mut Schedule<u8, u8, usize>) -> bool {
        let due = schedule.is_due();
        let held = |model: &Self, user| model.held(user);
        let least = (0..owner(KEYS)).filter(|user| self.is_ready(*user)).map(|user| held(self, user)).min();
        let places = self.parallel - self.busy.len().min(self.parallel);
        let places = places.saturating_sub(self.lost.len().min(self.parallel - 1));
        let expected = least.is_some_and(|least| places > usize::from(least > 0));
        assert_eq!(due, expected, "least {least:?}, places {places}");
        let work = schedule.begin();
        assert_eq!(work.is_some(), due);
        if let Some((key, number)) = work {
            assert!(!self.busy.contains(&key), "two at once with one key");
            assert_eq!(Some(held(self, owner(key))), least, "somebody else had less");
            self.busy.push(key);
            self.begun.push((key, number));
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
                Step::Push(key) => {
                    let number = model.pushed.len();
                    schedule.push(owner(key), key, number);
                    model.pushed.push((key, number));
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
        prop_assert_eq!((schedule.waiting(), schedule.queues.len()), (0, 0));
        prop_assert_eq!((schedule.turns.len(), schedule.users.len(), schedule.lost), (0, 0, 0));
        for key in 0..KEYS {
            let of = |all: &[(u8, usize)]| -> Vec<usize> {
                all.iter().filter(|(other, _)| *other == key).map(|(_, number)| *number).collect()
            };
            prop_assert_eq!(of(&model.begun), of(&model.pushed), "in the order in which it came, each once");
        }
    }
}

#[test]
fn a_key_with_much_to_do_keeps_nobody_waiting() {
    let mut schedule = Schedule::new(1);
    for number in 0..3 {
        schedule.push("alice", "much", number);
    }
    schedule.push("alice", "little", 0);
    schedule.begin();
    schedule.finish("much");
    assert_eq!(schedule.begin(), Some(("little", 0)));
}

/// Alice has hundreds of keys, and what she has done comes back at once.
#[test]
fn a_user_with_many_keys_keeps_nobody_waiting() {
    let mut schedule = Schedule::new(1);
    for key in 0..300 {
        schedule.push("alice", key, ());
    }
    schedule.push("bob", 1000, ());
    schedule.push("carol", 2000, ());
    let mut begun = Vec::new();
    for _ in 0..6 {
        let (key, ()) = schedule.begin().unwrap();
        schedule.finish(key);
        begun.push(key);
        schedule.push("alice", 300 + begun.len(), ());
    }
    assert_eq!(begun, [0, 1000, 2000, 1, 2, 3]);
}

#[test]
fn the_last_place_is_for_who_has_none() {
    let mut schedule = Schedule::new(3);
    for key in 0..10 {
        schedule.push("alice", key, ());
    }
    assert_eq!(std::iter::from_fn(|| schedule.begin()).count(), 2);
    assert!(!schedule.is_due(), "nothing to wake up for");
    schedule.push("bob", 100, ());
    schedule.push("bob", 101, ());
    assert_eq!(schedule.begin(), Some((100, ())));
    assert_eq!(schedule.begin(), None);
    // What hangs for good takes places of its user's, and never the last one.
    (0..3).for_each(|_| schedule.lose_place("alice"));
    (0..2).for_each(|key| schedule.finish(key));
    assert_eq!(schedule.begin(), None, "bob has one already");
    schedule.finish(100);
    assert_eq!(schedule.begin(), Some((101, ())));
}
