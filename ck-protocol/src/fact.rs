//! What the broker says of itself, a fact at a time.

use crate::{Message, ShortName, Status, Text, Timestamp};
use serde::{Deserialize, Serialize};

/// One fact. A broker may tell facts that its peer has never heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name: lower-case letters, digits and underscores. The same key always means the same.
    pub key: ShortName,
    /// What it is.
    pub value: FactValue,
}

/// The value of a fact. Variants are only ever added at the end; `ckctl` passes over a fact whose value it cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FactValue {
    /// A number.
    Number(u64),
    /// A moment.
    Time(Timestamp),
    /// One line.
    Text(Message),
}

impl Fact {
    /// The fact `key`, of which the value is `value`.
    #[must_use]
    pub fn new(key: &str, value: FactValue) -> Self {
        Self { key: Text::clipped(key), value }
    }
}

impl Status {
    /// The keys of its facts: its members, in their order.
    pub const KEYS: [&str; 16] = [
        "version",
        "pid",
        "started_at",
        "sessions",
        "users",
        "teardowns_running",
        "teardowns_waiting",
        "teardowns_failed",
        "teardowns_abandoned",
        "sessions_limit",
        "subscribers",
        "hooks_running",
        "hooks_waiting",
        "hooks_failed",
        "configured_at",
        "configuration_problem",
    ];

    /// Its members as facts, by [`Status::KEYS`]. An absent member is no fact.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        use FactValue::{Number, Time};
        let text = |text: &str| FactValue::Text(Text::clipped(text));
        let values = [
            Some(text(self.version.as_str())),
            u64::try_from(self.pid.get()).ok().map(Number),
            Some(Time(self.started_at)),
            Some(Number(self.sessions)),
            Some(Number(self.users)),
            Some(Number(self.teardowns_running)),
            Some(Number(self.teardowns_waiting)),
            Some(Number(self.teardowns_failed)),
            Some(Number(self.teardowns_abandoned)),
            Some(Number(self.sessions_limit)),
            Some(Number(self.subscribers)),
            Some(Number(self.hooks_running)),
            Some(Number(self.hooks_waiting)),
            Some(Number(self.hooks_failed)),
            Some(Time(self.configured_at)),
            self.configuration_problem.as_ref().map(|problem| text(problem.as_str())),
        ];
        let known = Self::KEYS.iter().zip(values);
        known.filter_map(|(key, value)| Some(Fact::new(key, value?))).collect()
    }
}
