//! What the broker says of itself, a fact at a time.

use crate::{Message, ShortName, Text, Timestamp};
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
