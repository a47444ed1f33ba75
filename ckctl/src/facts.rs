//! What the broker says of itself. A newer broker says more than this `ckctl` knows: that is shown too, by its key.

use crate::{table::NONE, time};
use ck_protocol::{Fact, FactValue, Status, Timestamp, printable};
use std::collections::HashSet;

/// Facts by key.
#[derive(Clone, Debug)]
pub struct Facts(Vec<Fact>);

impl From<Vec<Fact>> for Facts {
    /// Of two facts with one key, the first counts.
    fn from(mut facts: Vec<Fact>) -> Self {
        let mut seen = HashSet::new();
        facts.retain(|fact| seen.insert(fact.key.clone()));
        Self(facts)
    }
}

impl Facts {
    /// The fact of that key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&FactValue> {
        self.0.iter().find(|fact| fact.key.as_str() == key).map(|fact| &fact.value)
    }

    /// The same, if it is a number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(FactValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The same, if it is a moment.
    #[must_use]
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        match self.get(key) {
            Some(FactValue::Time(moment)) => Some(*moment),
            _ => None,
        }
    }

    /// The same, if it is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(FactValue::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The fact of that key, as people read it.
    #[must_use]
    pub fn shown(&self, key: &str) -> String {
        match self.get(key) {
            None => NONE.to_owned(),
            Some(FactValue::Number(number)) => number.to_string(),
            Some(FactValue::Time(moment)) => time::for_people(*moment),
            Some(FactValue::Text(text)) => printable(text.as_str()).to_string(),
        }
    }

    /// Facts that only a newer broker tells, in its order.
    pub fn unknown(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter().filter(|fact| !Status::KEYS.contains(&fact.key.as_str()))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ck_protocol::{Pid, Text};

    /// Those of a broker that is well, but for what `changed` makes of them.
    pub(crate) fn facts(changed: impl FnOnce(&mut Status)) -> Facts {
        let mut status = Status {
            version: Text::clipped("0.1.0"),
            pid: Pid::try_from(60).unwrap(),
            started_at: Timestamp::from_micros(1_500_000),
            sessions: 3,
            users: 2,
            teardowns_running: 1,
            teardowns_waiting: 0,
            teardowns_failed: 0,
            teardowns_abandoned: 0,
            sessions_limit: 100,
            subscribers: 4,
            hooks_running: 5,
            hooks_waiting: 6,
            hooks_failed: 0,
            configured_at: Timestamp::from_micros(2_500_000),
            configuration_problem: None,
        };
        changed(&mut status);
        status.facts().into()
    }

    #[test]
    fn a_fact_is_found_by_its_key_and_kind() {
        let facts = facts(|_| {});
        assert_eq!(
            (facts.number("sessions"), facts.time("sessions"), facts.text("sessions")),
            (Some(3), None, None)
        );
        assert_eq!(
            (facts.text("version"), facts.shown("configuration_problem").as_str()),
            (Some("0.1.0"), "-")
        );
        assert_eq!(facts.time("started_at"), Some(Timestamp::from_micros(1_500_000)));
        assert_eq!(facts.unknown().count(), 0);
    }

    #[test]
    fn what_is_told_twice_counts_once() {
        let fact = |number| Fact::new("load", FactValue::Number(number));
        let facts = Facts::from(vec![fact(1), fact(2)]);
        assert_eq!((facts.number("load"), facts.unknown().count()), (Some(1), 1));
    }
}
