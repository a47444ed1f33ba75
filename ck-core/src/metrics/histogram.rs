//! A histogram of durations.

use ck_protocol::{Buckets, DurationBucket};
use std::time::Duration;

/// A histogram of durations. Its bounds never change.
#[derive(Debug)]
pub struct Histogram {
    /// The upper bounds, in ascending order. A duration belongs to the first bound that is not below it.
    bounds: &'static [Duration],
    /// The number of durations for each bound.
    counts: Vec<u64>,
    /// The number of durations above all bounds.
    above: u64,
    sum: Duration,
}

impl Histogram {
    /// An empty histogram with these bounds, in ascending order.
    #[must_use]
    pub fn new(bounds: &'static [Duration]) -> Self {
        Self { bounds, counts: vec![0; bounds.len()], above: 0, sum: Duration::ZERO }
    }

    /// Counts one duration.
    pub fn add(&mut self, duration: Duration) {
        let position = self.bounds.partition_point(|bound| *bound < duration);
        *self.counts.get_mut(position).unwrap_or(&mut self.above) += 1;
        self.sum = self.sum.saturating_add(duration);
    }

    /// The histogram as it is sent.
    #[must_use]
    pub fn buckets(&self) -> Buckets {
        let bounds = self.bounds.iter().zip(&self.counts);
        Buckets {
            buckets: bounds.map(|(&bound, &count)| DurationBucket { up_to: bound.into(), count }).collect(),
            above: self.above,
            sum: self.sum.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(10)];

    #[test]
    fn a_duration_is_counted_by_the_first_bound_that_is_not_below_it() {
        let mut histogram = Histogram::new(&BOUNDS);
        for micros in [0, 1000, 1001, 10_000, 10_001, 99_999_999] {
            histogram.add(Duration::from_micros(micros));
        }
        let Buckets { buckets, above, sum } = histogram.buckets();
        assert_eq!(buckets.iter().map(|bucket| bucket.count).collect::<Vec<_>>(), [2, 2]);
        assert_eq!((above, Duration::from(sum)), (2, Duration::from_micros(100_022_001)));
    }
}
