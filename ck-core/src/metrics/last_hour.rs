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
        while self.parts.front().is_some_and(|part| now.saturating_duration_since(part.began) >= HOUR) {
            self.parts.pop_front();
        }
        let longest = Longest { duration, what };
        match self.parts.back_mut() {
            Some(part) if now.saturating_duration_since(part.began) < PART => {
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
        let minute_from = |first: &Part<T>| {
            let of_minute = |part: &&Part<T>| part.began >= first.began && part.began < first.began + MINUTE;
            self.parts.iter().filter(of_minute).map(|part| part.count).sum()
        };
        self.within(HOUR, now).map(minute_from).max().unwrap_or(0)
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
        self.parts.iter().filter(move |part| now.saturating_duration_since(part.began) < time)
    }
}
