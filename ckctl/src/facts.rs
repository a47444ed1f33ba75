//! Facts about the broker, by key. A newer broker reports facts that this `ckctl` does not know. `ckctl` shows them by their
//! keys.

use crate::time;
use ck_protocol::{Buckets, Count, Fact, FactValue, Status, Timestamp, fact_keys, printable};
use std::{collections::HashSet, time::Duration};

/// Stands for an absent value.
pub(crate) const NONE: &str = "-";

/// Facts by key.
#[derive(Clone, Debug)]
pub struct Facts(Vec<Fact>);

impl From<Vec<Fact>> for Facts {
    /// Keeps the first of several facts with the same key.
    fn from(mut facts: Vec<Fact>) -> Self {
        let mut seen = HashSet::new();
        facts.retain(|fact| seen.insert(fact.key.clone()));
        Self(facts)
    }
}

impl Facts {
    /// All facts, in the broker's order.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter()
    }

    /// The value of the fact `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&FactValue> {
        self.iter().find(|fact| fact.key.as_str() == key).map(|fact| &fact.value)
    }

    /// The value of the fact `key`, if it is a number.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(FactValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// The value of the fact `key`, if it is a time.
    #[must_use]
    pub fn time(&self, key: &str) -> Option<Timestamp> {
        match self.get(key) {
            Some(FactValue::Time(moment)) => Some(*moment),
            _ => None,
        }
    }

    /// The value of the fact `key`, if it is a text.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key) {
            Some(FactValue::Text(text)) => Some(text.as_str()),
            _ => None,
        }
    }

    /// The value of the fact `key`, if it is a duration.
    #[must_use]
    pub fn duration(&self, key: &str) -> Option<Duration> {
        match self.get(key) {
            Some(FactValue::Duration(micros)) => Some((*micros).into()),
            _ => None,
        }
    }

    /// The value of the fact `key`, if it is a histogram.
    #[must_use]
    pub fn histogram(&self, key: &str) -> Option<&Buckets> {
        match self.get(key) {
            Some(FactValue::Histogram(buckets)) => Some(buckets),
            _ => None,
        }
    }

    /// The value of the fact `key`, if it is a number for each of several things.
    #[must_use]
    pub fn counts(&self, key: &str) -> Option<&[Count]> {
        match self.get(key) {
            Some(FactValue::Counts(counts)) => Some(counts),
            _ => None,
        }
    }

    /// The value of the fact `key` as a table shows it, if it is of a kind that is one word or line.
    #[must_use]
    pub fn shown(&self, key: &str) -> String {
        match self.get(key) {
            Some(FactValue::Number(number)) => number.to_string(),
            Some(FactValue::Time(moment)) => time::local(*moment),
            Some(FactValue::Text(text)) => printable(text.as_str()).to_string(),
            Some(FactValue::Duration(micros)) => time::short((*micros).into()),
            None | Some(FactValue::Histogram(_) | FactValue::Counts(_)) => NONE.to_owned(),
        }
    }

    /// The facts that the first release did not report, in the broker's order.
    pub fn later(&self) -> impl Iterator<Item = &Fact> {
        self.iter().filter(|fact| !Status::KEYS.contains(&fact.key.as_str()))
    }

    /// The facts that only a newer broker reports, in the broker's order.
    pub fn unknown(&self) -> impl Iterator<Item = &Fact> {
        self.later().filter(|fact| !fact_keys::is_known(fact.key.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_facts::facts;

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
    fn the_first_of_two_facts_with_one_key_counts() {
        let fact = |number| Fact::new("load", FactValue::Number(number));
        let facts = Facts::from(vec![fact(1), fact(2)]);
        assert_eq!((facts.number("load"), facts.unknown().count()), (Some(1), 1));
    }
}
