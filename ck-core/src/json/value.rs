//! The value of a member.

use super::rfc3339;
use ck_protocol::{Class, Pid, SessionId, SessionType, State, Text, Timestamp, Uid, UserName, Vt};
use serde::Serialize;
use std::borrow::Cow;

/// A value without structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value<'t> {
    /// The value is absent.
    Null,
    /// `true` or `false`.
    Truth(bool),
    /// A number.
    Number(u64),
    /// A string of any characters; it is escaped when it is written.
    Text(Cow<'t, str>),
}

impl From<bool> for Value<'_> {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Uid> for Value<'_> {
    fn from(uid: Uid) -> Self {
        Self::Number(uid.get().into())
    }
}

impl From<Pid> for Value<'_> {
    fn from(pid: Pid) -> Self {
        // A pid is positive.
        Self::Number(pid.get().unsigned_abs().into())
    }
}

impl From<Vt> for Value<'_> {
    fn from(vt: Vt) -> Self {
        Self::Number(vt.get().into())
    }
}

impl<'t> From<&'t str> for Value<'t> {
    fn from(text: &'t str) -> Self {
        Self::Text(text.into())
    }
}

impl<'t, const MAX: usize> From<&'t Text<MAX>> for Value<'t> {
    fn from(text: &'t Text<MAX>) -> Self {
        text.as_str().into()
    }
}

impl<'t> From<&'t UserName> for Value<'t> {
    fn from(name: &'t UserName) -> Self {
        Self::Text(name.to_text())
    }
}

impl From<SessionId> for Value<'_> {
    fn from(id: SessionId) -> Self {
        Self::Text(id.to_string().into())
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(time: Timestamp) -> Self {
        Self::Text(rfc3339(time).into())
    }
}

impl From<Class> for Value<'_> {
    fn from(class: Class) -> Self {
        class.as_str().into()
    }
}

impl From<SessionType> for Value<'_> {
    fn from(kind: SessionType) -> Self {
        kind.as_str().into()
    }
}

impl From<State> for Value<'_> {
    fn from(state: State) -> Self {
        state.as_str().into()
    }
}

impl<'t, T: Into<Value<'t>>> From<Option<T>> for Value<'t> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
