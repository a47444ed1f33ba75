//! Identifiers. Each type contains only valid values.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    num::{NonZeroU32, ParseIntError},
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

/// A number that is not a valid identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} cannot be a {what}")]
pub struct OutOfRange {
    what: &'static str,
    value: i64,
}

/// A user id. Never `(uid_t) -1`, which `chown(2)` and `setresuid(2)` interpret as "unchanged".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Uid(
    /// One more, so that an `Option` takes no more room.
    NonZeroU32,
);

/// A group id. Never `(gid_t) -1`, for the same reason as [`Uid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Gid(u32);

/// A process id in the pid namespace of the broker: at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct Pid(i32);

/// The number of a virtual terminal, 1 to 63 (`MAX_NR_CONSOLES` of the kernel's `vt.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Vt(u8);

impl Uid {
    /// The superuser, who has sessions but no runtime directory.
    pub const ROOT: Self = Self(NonZeroU32::MIN);

    /// The number, as system calls take it.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get() - 1
    }
}

impl Gid {
    /// The number, as system calls take it.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Pid {
    /// The number, as system calls take it.
    #[must_use]
    pub fn get(self) -> i32 {
        self.0
    }
}

impl Vt {
    /// The number `N` of `/dev/ttyN`.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for Uid {
    type Error = OutOfRange;

    fn try_from(value: u32) -> Result<Self, OutOfRange> {
        let more = NonZeroU32::new(value.wrapping_add(1));
        more.map(Self).ok_or(OutOfRange { what: "user id", value: -1 })
    }
}

impl TryFrom<u32> for Gid {
    type Error = OutOfRange;

    fn try_from(value: u32) -> Result<Self, OutOfRange> {
        if value == u32::MAX {
            return Err(OutOfRange { what: "group id", value: -1 });
        }
        Ok(Self(value))
    }
}

impl TryFrom<i32> for Pid {
    type Error = OutOfRange;

    fn try_from(value: i32) -> Result<Self, OutOfRange> {
        if value < 1 {
            return Err(OutOfRange { what: "process id", value: value.into() });
        }
        Ok(Self(value))
    }
}

impl TryFrom<u8> for Vt {
    type Error = OutOfRange;

    fn try_from(value: u8) -> Result<Self, OutOfRange> {
        if !(1..=63).contains(&value) {
            return Err(OutOfRange { what: "virtual terminal", value: value.into() });
        }
        Ok(Self(value))
    }
}

impl From<Uid> for u32 {
    fn from(uid: Uid) -> u32 {
        uid.get()
    }
}

impl From<Gid> for u32 {
    fn from(gid: Gid) -> u32 {
        gid.0
    }
}

impl From<Pid> for i32 {
    fn from(pid: Pid) -> i32 {
        pid.0
    }
}

impl From<Vt> for u8 {
    fn from(vt: Vt) -> u8 {
        vt.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Defines an id that counts up from 1 and is never reused.
macro_rules! counted {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(u64);

        impl $name {
            /// The first one.
            pub const FIRST: Self = Self(1);

            /// The id `number`.
            #[must_use]
            pub fn new(number: u64) -> Self {
                Self(number)
            }

            /// The number.
            #[must_use]
            pub fn get(self) -> u64 {
                self.0
            }

            /// The id that follows this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            /// Reads an id as it is printed: a decimal number.
            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    };
}

counted! {
    /// The id of a session, which is never reused within a boot.
    SessionId
}

counted! {
    /// The id of a teardown, which is never reused while the broker runs.
    TeardownId
}

/// 128 random bits by which a PAM module names the session that it requests, before it knows the id. A repeated request
/// with the same token refers to the same session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token([u8; 16]);

impl Token {
    /// A token of 16 random bytes.
    #[must_use]
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Debug for Token {
    /// Hides the bits, because a process that knows them could close the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A point in time, in microseconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The time `micros` microseconds after the epoch.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        self.0
    }
}

impl From<SystemTime> for Timestamp {
    /// Times before the epoch become the epoch itself.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_name_nothing_are_refused() {
        assert!(Uid::try_from(u32::MAX).is_err());
        assert!(Gid::try_from(u32::MAX).is_err());
        assert_eq!(Uid::try_from(2001).unwrap().get(), 2001);
        assert!(Pid::try_from(0).is_err());
        assert!(Pid::try_from(-1).is_err());
        assert!(Vt::try_from(0).is_err());
        assert!(Vt::try_from(64).is_err());
        assert!(Vt::try_from(63).is_ok());
    }

    #[test]
    fn a_token_is_not_shown() {
        assert!(!format!("{:?}", Token::new([0xab; 16])).contains("ab"));
    }
}
