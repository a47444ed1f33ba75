//! Facts about the broker itself.

use crate::{Message, ShortName, Text, Timestamp, bounded::at_most, limits};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A fact. A broker may send facts that its peer does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name: lower-case letters, digits and underscores. The meaning of a key never changes.
    pub key: ShortName,
    /// Its value.
    pub value: FactValue,
}

/// The value of a fact. Variants are added only at the end. `ckctl` skips a fact whose value it cannot decode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FactValue {
    /// A number.
    Number(u64),
    /// A point in time.
    Time(Timestamp),
    /// One line of text.
    Text(Message),
    /// A duration.
    Duration(Micros),
    /// Durations, counted by their length.
    Histogram(Buckets),
    /// How often each of several things happened, in the order of the broker.
    #[serde(deserialize_with = "at_most::<_, _, { limits::LIST }>")]
    Counts(Vec<Count>),
}

/// A duration in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(u64);

impl From<Duration> for Micros {
    /// A duration of more than 584,000 years becomes the longest one.
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
    }
}

impl From<Micros> for Duration {
    fn from(micros: Micros) -> Self {
        Self::from_micros(micros.0)
    }
}

/// A histogram of durations. Each is counted once: by the first bucket that it fits in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buckets {
    /// The buckets, in ascending order of their bounds.
    #[serde(deserialize_with = "at_most::<_, _, { limits::LIST }>")]
    pub buckets: Vec<DurationBucket>,
    /// The number of durations that fit into no bucket.
    pub above: u64,
    /// The sum of all durations.
    pub sum: Micros,
}

impl Buckets {
    /// The number of durations up to each bound, as OpenMetrics counts them.
    pub fn up_to(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.buckets.iter().scan(0_u64, |total, bucket| {
            *total = total.saturating_add(bucket.count);
            Some((bucket.up_to.into(), *total))
        })
    }

    /// The number of all durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.up_to().last().map_or(0, |(_, count)| count).saturating_add(self.above)
    }
}

/// The durations above the bound of the bucket before, up to the bound of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DurationBucket {
    /// The bound, inclusive.
    pub up_to: Micros,
    /// The number of durations.
    pub count: u64,
}

/// How often something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// What: lower-case letters, digits and underscores.
    pub what: ShortName,
    /// How often.
    pub count: u64,
}

impl Fact {
    /// The fact `key` with the value `value`.
    #[must_use]
    pub fn new(key: &str, value: FactValue) -> Self {
        Self { key: Text::clipped(key), value }
    }
}
