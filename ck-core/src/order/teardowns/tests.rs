//! Which teardown is due, case by case.

use super::*;
use crate::tests::some_time;

const SECOND: Duration = Duration::from_secs(1);

fn uid(number: u32) -> Uid {
    Uid::try_from(number).unwrap()
}

fn teardowns(uids: &[u32], now: Instant) -> Teardowns<()> {
    let mut teardowns = Teardowns::default();
    uids.iter().for_each(|number| teardowns.push(uid(*number), None, (), now));
    teardowns
}

/// Begins all that can begin; returns whose they are.
fn begin_all(teardowns: &mut Teardowns<()>, now: Instant) -> Vec<(TeardownId, u32)> {
    let begin = || teardowns.begin(now);
    let begun: Vec<_> = std::iter::from_fn(begin).collect();
    begun.into_iter().map(|id| (id, teardowns.get(id).unwrap().uid().get())).collect()
}

#[test]
fn a_few_run_at_a_time_one_of_each_user_and_each_user_in_turn() {
    let now = some_time();
    let mut teardowns = teardowns(&[1, 1, 1, 2, 3, 4, 5, 5], now);
    let begun = begin_all(&mut teardowns, now);
    let users = |begun: &[(TeardownId, u32)]| begun.iter().map(|(_, uid)| *uid).collect::<Vec<_>>();
    assert_eq!(users(&begun), [1, 2, 3, 4]);
    assert_eq!(teardowns.next_deadline(), None, "nothing to wake up for");
    for (id, _) in begun {
        assert!(teardowns.finish(id).is_some());
    }
    assert_eq!(users(&begin_all(&mut teardowns, now)), [5, 1]);
}

#[test]
fn a_teardown_that_fails_is_tried_again_after_longer_and_longer_pauses_and_then_given_up() {
    let mut now = some_time();
    let mut teardowns = teardowns(&[1], now);
    for seconds in [1, 4, 16] {
        let id = teardowns.begin(now).unwrap();
        assert!(!teardowns.fail(id, Some("why".to_owned()), now));
        assert_eq!(teardowns.begin(now), None);
        assert_eq!(teardowns.next_deadline(), Some(now + seconds * SECOND));
        assert_eq!(teardowns.get(id).unwrap().next_try(), Some(now + seconds * SECOND));
        now += seconds * SECOND;
    }
    let id = teardowns.begin(now).unwrap();
    assert!(teardowns.fail(id, Some("why".to_owned()), now), "the fourth was the last");
    assert_eq!((teardowns.next_deadline(), teardowns.count(TeardownState::Quarantined)), (None, 1));
    assert_eq!((teardowns.retry(Some(id.next()), now), teardowns.retry(None, now)), (0, 1));
    assert_eq!(teardowns.begin(now), Some(id));
    assert_eq!(teardowns.get(id).unwrap().failures(), 0);
}

#[test]
fn a_teardown_that_is_hindered_is_never_given_up() {
    let mut now = some_time();
    let mut teardowns = teardowns(&[1], now);
    for seconds in [1, 2, 4, 8, 16, 16, 16] {
        let id = teardowns.begin(now).unwrap();
        teardowns.hinder(id, None, now);
        assert_eq!(teardowns.next_deadline(), Some(now + seconds * SECOND));
        now += seconds * SECOND;
    }
}

#[test]
fn a_user_with_two_that_hang_gets_no_third_one() {
    let now = some_time();
    let mut teardowns = teardowns(&[1, 1, 1, 2], now);
    for _ in 0..2 {
        let id = teardowns.begin(now).unwrap();
        if teardowns.get(id).unwrap().uid() == uid(2) {
            teardowns.finish(id);
        } else {
            teardowns.abandon(id, "hangs".to_owned());
        }
    }
    let id = teardowns.begin(now).unwrap();
    teardowns.abandon(id, "hangs".to_owned());
    assert_eq!((teardowns.begin(now), teardowns.next_deadline()), (None, None));
    teardowns.hinder(id, None, now);
    assert_eq!(teardowns.get(id).unwrap().reason(), Some("hangs"));
    assert!(teardowns.begin(now + SECOND).is_some());
}

#[test]
fn who_leaves_much_gets_nothing_more_until_it_is_gone() {
    let now = some_time();
    let limit = Limit { all: 4, per_user: 3 };
    let mut teardowns = teardowns(&[1, 1], now);
    assert_eq!(teardowns.has_room(uid(1), limit, 100), Ok(()));
    teardowns.push(uid(2), Some(101), (), now);
    assert!(teardowns.has_room(uid(2), limit, 100).is_err_and(|why| why.contains("101 bytes")));
    assert_eq!(teardowns.has_room(uid(2), limit, 101), Ok(()));
    teardowns.push(uid(1), None, (), now);
    assert!(teardowns.has_room(uid(1), limit, 100).is_err_and(|why| why.starts_with("3 of its")));
    assert!(teardowns.has_room(uid(2), limit, 101).is_err_and(|why| why.starts_with("4 of all")));
    assert_eq!(teardowns.has_room(uid(3), limit, 0), Ok(()), "who has none may");
    assert_eq!(teardowns.problem(now + SOON / 2), None);
    assert!(teardowns.problem(now + SOON).is_some_and(|line| line.starts_with("4 teardowns wait")));
}
