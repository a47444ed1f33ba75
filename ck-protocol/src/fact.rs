//! Facts about the broker itself.

use crate::{Message, ShortName, Text, Timestamp};
use serde::{Deserialize, Serialize};

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
}

impl Fact {
    /// The fact `key` with the value `value`.
    #[must_use]
    pub fn new(key: &str, value: FactValue) -> Self {
        Self { key: Text::clipped(key), value }
    }
}
