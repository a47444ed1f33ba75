//! The rate and the longest of what happened within the last hour.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// The time that is kept.
const HOUR: Duration = Duration::from_secs(3600);
/// What happens within this time is kept together. It is the accuracy of every answer.
const PART: Duration = Duration::from_secs(10);
const MINUTE: Duration = Duration::from_secs(60);

/// The longest of several, with its duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Longest<T> {
    /// Its duration.
    pub duration: Duration,
    /// What it was.
    pub what: T,
}

/// What happened within one [`PART`].
#[derive(Debug)]
struct Part<T> {
    began: Instant,
    count: u64,
    longest: Longest<T>,
}

/// Things that happened within the last hour. At most `HOUR / PART + 1` parts are kept, and none for a time in which nothing
/// happened.
#[derive(Debug)]
pub struct LastHour<T> {
    parts: VecDeque<Part<T>>,
}

impl<T> Default for LastHour<T> {
    fn default() -> Self {
        Self { parts: VecDeque::new() }
    }
}

impl<T> LastHour<T> {
    /// Adds one thing, which has ended `now` after `duration`.
    pub fn add(&mut self, duration: Duration, what: T, now: Instant) {
        while self.parts.front().is_some_and(|part| !part.is_within(HOUR, now)) {
            self.parts.pop_front();
        }
        let longest = Longest { duration, what };
        match self.parts.back_mut() {
            Some(part) if part.is_within(PART, now) => {
                part.count += 1;
                if part.longest.duration <= duration {
                    part.longest = longest;
                }
            }
            _ => self.parts.push_back(Part { began: now, count: 1, longest }),
        }
    }

    /// How many there were in the last hour.
    #[must_use]
    pub fn in_hour(&self, now: Instant) -> u64 {
        self.within(HOUR, now).map(|part| part.count).sum()
    }

    /// How many there were in the last minute.
    #[must_use]
    pub fn in_minute(&self, now: Instant) -> u64 {
        self.within(MINUTE, now).map(|part| part.count).sum()
    }

    /// The largest number in any minute of the last hour.
    #[must_use]
    pub fn most_in_a_minute(&self, now: Instant) -> u64 {
        // Parts begin one after another, so only the few that follow can be of the same minute.
        let minute_from = |(index, first): (usize, &Part<T>)| {
            let of_minute = |part: &&Part<T>| part.began < first.began + MINUTE;
            self.parts.range(index..).take_while(of_minute).map(|part| part.count).sum()
        };
        let is_recent = |(_, part): &(usize, &Part<T>)| part.is_within(HOUR, now);
        self.parts.iter().enumerate().filter(is_recent).map(minute_from).max().unwrap_or(0)
    }

    /// The longest one of the last hour.
    #[must_use]
    pub fn longest(&self, now: Instant) -> Option<&Longest<T>> {
        self.within(HOUR, now).map(|part| &part.longest).max_by_key(|longest| longest.duration)
    }

    #[cfg(test)]
    pub(super) fn parts(&self) -> usize {
        self.parts.len()
    }

    fn within(&self, time: Duration, now: Instant) -> impl Iterator<Item = &Part<T>> {
        self.parts.iter().filter(move |part| part.is_within(time, now))
    }
}

impl<T> Part<T> {
    fn is_within(&self, time: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.began) < time
    }
}
