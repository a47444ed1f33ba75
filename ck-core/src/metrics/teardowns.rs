//! The teardowns that were finished.

use super::{Histogram, LastHour};
use ck_protocol::{Timestamp, Uid};
use std::time::{Duration, Instant};

/// The bounds of the histogram. Most directories are gone within milliseconds; one of millions of files takes minutes.
const BOUNDS: [Duration; 12] = [
    Duration::from_millis(1),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(3600),
];

/// One teardown that was finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredTeardown {
    /// Whose directory it was.
    pub uid: Uid,
    /// The time at which it was gone.
    pub at: Timestamp,
}

/// All teardowns that were finished since the broker was started.
#[derive(Debug)]
pub struct TeardownMetrics {
    /// How long each took, from the logout on.
    pub durations: Histogram,
    /// Those of the last hour.
    pub last_hour: LastHour<MeasuredTeardown>,
}

impl Default for TeardownMetrics {
    fn default() -> Self {
        Self { durations: Histogram::new(&BOUNDS), last_hour: LastHour::default() }
    }
}

impl TeardownMetrics {
    /// The directory of the user is gone `now`, which is `at` on the wall clock, `duration` after the logout.
    pub fn add(&mut self, duration: Duration, uid: Uid, at: Timestamp, now: Instant) {
        self.durations.add(duration);
        self.last_hour.add(duration, MeasuredTeardown { uid, at }, now);
    }
}
