//! The logins that were replied to.

use super::{Histogram, LastHour, LoginTimer, STAGES, Stages};
use ck_protocol::{Buckets, SessionId, Timestamp, Uid};
use std::time::{Duration, Instant};

/// The bounds of the histograms. Most logins take less than a millisecond; a hook can take as long as the module waits.
const BOUNDS: [Duration; 13] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

/// One login that was replied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredLogin {
    /// Its session.
    pub session: SessionId,
    /// Its user.
    pub uid: Uid,
    /// The time of the reply.
    pub at: Timestamp,
    /// How long each stage took.
    pub stages: Stages,
}

/// All logins that were replied to since the broker was started.
#[derive(Debug)]
pub struct LoginMetrics {
    total: u64,
    most_sessions: usize,
    whole: Histogram,
    stages: [Histogram; STAGES.len()],
    last_hour: LastHour<MeasuredLogin>,
}

impl Default for LoginMetrics {
    fn default() -> Self {
        Self {
            total: 0,
            most_sessions: 0,
            whole: Histogram::new(&BOUNDS),
            stages: STAGES.map(|_| Histogram::new(&BOUNDS)),
            last_hour: LastHour::default(),
        }
    }
}

impl LoginMetrics {
    /// A login of the session was replied to `now`, which is `at` on the wall clock.
    pub fn add(&mut self, timer: LoginTimer, (session, uid): (SessionId, Uid), at: Timestamp, now: Instant) {
        let (whole, stages) = timer.finish(now);
        self.total += 1;
        self.whole.add(whole);
        for (histogram, stage) in self.stages.iter_mut().zip(STAGES) {
            histogram.add(stages.of(stage));
        }
        self.last_hour.add(whole, MeasuredLogin { session, uid, at, stages }, now);
    }

    /// There are so many sessions now.
    pub fn note_sessions(&mut self, sessions: usize) {
        self.most_sessions = self.most_sessions.max(sessions);
    }

    /// The number of logins.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest number of sessions at one time.
    #[must_use]
    pub fn most_sessions(&self) -> usize {
        self.most_sessions
    }

    /// How long the whole of each login took.
    #[must_use]
    pub fn whole(&self) -> Buckets {
        self.whole.buckets()
    }

    /// How long each stage of each login took, in the order of [`STAGES`].
    pub fn by_stage(&self) -> impl Iterator<Item = Buckets> {
        self.stages.iter().map(Histogram::buckets)
    }

    /// The logins of the last hour.
    #[must_use]
    pub fn last_hour(&self) -> &LastHour<MeasuredLogin> {
        &self.last_hour
    }
}
