//! Tests of what takes a time.

use super::*;
use crate::tests::some_time;
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn rates_and_the_longest_are_those_of_the_last_hour() {
    let (mut hour, start) = (LastHour::default(), some_time());
    assert_eq!((hour.in_hour(start), hour.most_in_a_minute(start), hour.longest(start)), (0, 0, None));
    for second in 0..30 {
        hour.add(millis(second), second, start + Duration::from_secs(second));
    }
    hour.add(millis(7), 99, start + Duration::from_secs(1800));
    let half = start + Duration::from_secs(1801);
    assert_eq!((hour.in_minute(half), hour.in_hour(half), hour.most_in_a_minute(half)), (1, 31, 30));
    assert_eq!(hour.longest(half), Some(&Longest { duration: millis(29), what: 29 }));
    let later = start + Duration::from_secs(3700);
    assert_eq!((hour.in_minute(later), hour.in_hour(later), hour.most_in_a_minute(later)), (0, 1, 1));
    assert_eq!(hour.longest(later), Some(&Longest { duration: millis(7), what: 99 }));
    let much_later = start + Duration::from_secs(100_000);
    assert_eq!((hour.in_hour(much_later), hour.longest(much_later)), (0, None));
}

#[test]
fn of_equal_durations_the_latest_is_kept_and_the_memory_is_bounded() {
    let (mut hour, start) = (LastHour::default(), some_time());
    for second in 0..100_000 {
        hour.add(millis(5), second, start + Duration::from_secs(second));
    }
    assert!(hour.parts() <= 361, "{}", hour.parts());
    let now = start + Duration::from_secs(99_999);
    assert_eq!(hour.longest(now).map(|longest| longest.what), Some(99_999));
    let in_minute = hour.in_minute(now);
    assert!((50..=60).contains(&in_minute), "{in_minute}");
}

#[test]
fn a_stage_ends_where_the_next_begins_and_times_of_one_stage_add_up() {
    let start = some_time();
    let at = |millis| start + Duration::from_millis(millis);
    let mut timer = LoginTimer::start(start);
    timer.begin(Stage::Identify, at(1));
    timer.end(at(3));
    timer.begin(Stage::Record, at(10));
    timer.begin(Stage::Hooks, at(14));
    timer.begin(Stage::Record, at(30));
    let (whole, stages) = timer.finish(at(31));
    assert_eq!(whole, Duration::from_millis(31));
    let millis = STAGES.map(|stage| stages.of(stage).as_millis());
    assert_eq!(millis, [1, 2, 0, 5, 0, 16]);
}
