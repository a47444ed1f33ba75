//! What the broker has measured of its own work, as facts.

use super::{
    Api,
    status::{count, number},
};
use ck_core::metrics::{LastHour, Longest, MeasuredLogin, STAGES};
use ck_protocol::{Fact, FactValue, Text, fact_keys as keys};
use std::time::{Duration, Instant};

fn duration(key: &str, duration: Duration) -> Fact {
    Fact::new(key, FactValue::Duration(duration.into()))
}

impl Api<'_> {
    /// What was measured since the start, and in the last hour. Whose login or teardown it was is told to those who may know it.
    pub(super) fn measured(&self, now: Instant) -> Vec<Fact> {
        let last_hour = self.logins.last_hour();
        let mut facts = self.rates(last_hour, now);
        facts.push(Fact::new(keys::LOGIN_DURATION, FactValue::Histogram(self.logins.whole())));
        let stages = keys::STAGES.iter().zip(self.logins.by_stage());
        facts.extend(stages.map(|(stage, buckets)| {
            Fact::new(&keys::of_stage(keys::LOGIN_DURATION, stage), FactValue::Histogram(buckets))
        }));
        facts.extend(last_hour.longest(now).into_iter().flat_map(|slowest| self.slowest(slowest)));
        facts.extend(self.teardowns(now));
        facts.push(Fact::new(keys::REFUSED_LOGINS, FactValue::Counts(self.refused.logins.counts())));
        facts.push(Fact::new(keys::REFUSED_REQUESTS, FactValue::Counts(self.refused.requests.counts())));
        facts
    }

    fn rates(&self, last_hour: &LastHour<MeasuredLogin>, now: Instant) -> Vec<Fact> {
        vec![
            number(keys::SESSIONS_PEAK, count(self.logins.most_sessions())),
            number(keys::LOGINS, self.logins.total()),
            number(keys::LOGINS_LAST_MINUTE, last_hour.in_minute(now)),
            number(keys::LOGINS_LAST_HOUR, last_hour.in_hour(now)),
            number(keys::LOGINS_PEAK_MINUTE, last_hour.most_in_a_minute(now)),
        ]
    }

    fn slowest(&self, slowest: &Longest<MeasuredLogin>) -> Vec<Fact> {
        let MeasuredLogin { session, uid, at, stages } = &slowest.what;
        let mut facts = vec![duration(keys::SLOWEST_LOGIN, slowest.duration)];
        facts.extend(
            keys::STAGES
                .iter()
                .zip(STAGES)
                .map(|(word, stage)| duration(&keys::of_stage(keys::SLOWEST_LOGIN, word), stages.of(stage))),
        );
        facts.push(Fact::new(keys::SLOWEST_LOGIN_AT, FactValue::Time(*at)));
        if self.sees(*uid) {
            let session = FactValue::Text(Text::clipped(&session.to_string()));
            facts.push(Fact::new(keys::SLOWEST_LOGIN_SESSION, session));
        }
        facts
    }

    fn teardowns(&self, now: Instant) -> Vec<Fact> {
        let metrics = self.directories.teardowns.metrics();
        let durations = FactValue::Histogram(metrics.durations.buckets());
        let mut facts = vec![Fact::new(keys::TEARDOWN_DURATION, durations)];
        if let Some(longest) = metrics.last_hour.longest(now) {
            facts.push(duration(keys::LONGEST_TEARDOWN, longest.duration));
            facts.push(Fact::new(keys::LONGEST_TEARDOWN_AT, FactValue::Time(longest.what.at)));
            if self.sees(longest.what.uid) {
                facts.push(number(keys::LONGEST_TEARDOWN_UID, longest.what.uid.get().into()));
            }
        }
        facts
    }
}
