//! The name of a user, as bytes.

use crate::{is_printable, limits, printable_bytes, text::TooLong};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{borrow::Cow, fmt, str};

/// The name of an account in the name service: bytes without a null byte, usually UTF-8 (passwd(5) defines no
/// encoding). It has at most [`limits::USER_NAME`] bytes, which is checked before memory is allocated. Its wire format
/// is that of a text with the same bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(Box<[u8]>);

impl UserName {
    /// A name with the whole of `name`.
    ///
    /// # Errors
    /// [`TooLong`] if it has more than [`limits::USER_NAME`] bytes.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self, TooLong> {
        let name = name.as_ref();
        if name.len() > limits::USER_NAME {
            return Err(TooLong { length: name.len(), max: limits::USER_NAME });
        }
        Ok(Self(name.into()))
    }

    /// A name with as much of `name` as fits, for names that are only shown.
    #[must_use]
    pub fn clipped(name: impl AsRef<[u8]>) -> Self {
        let name = name.as_ref();
        Self(name.get(..limits::USER_NAME).unwrap_or(name).into())
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As text, for JSON: U+FFFD stands for bytes that are not UTF-8.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// As a person types it, where that is safe: the name itself, or else its escaped form.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        match str::from_utf8(&self.0) {
            Ok(name) if name.chars().all(is_printable) => name.into(),
            _ => self.to_string().into(),
        }
    }

    /// True if it can be a name: it is not empty, and has no character that could break a line or steer a terminal.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.0.is_empty() && self.0.utf8_chunks().all(|chunk| !chunk.valid().chars().any(char::is_control))
    }
}

impl fmt::Display for UserName {
    /// Writes the name on one line, as [`printable_bytes`] does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        printable_bytes(&self.0).fmt(f)
    }
}

impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for UserName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = UserName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a name of at most {} bytes", limits::USER_NAME)
            }

            fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Self::Value, E> {
                UserName::new(name).map_err(E::custom)
            }
        }
        from.deserialize_bytes(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_shown_on_one_line_whatever_its_bytes_are() {
        let shown = |name: &[u8]| UserName::new(name).unwrap().to_string();
        assert_eq!(shown(b"J\xf6rg"), r"J\xf6rg");
        assert_eq!(shown("Zo\u{eb}".as_bytes()), "Zo\u{eb}");
        assert_eq!(shown(br"DOM\alice"), r"DOM\\alice");
        assert_eq!(shown(b"a\nb\x1b"), r"a\u{a}b\u{1b}");
        let typed = |name: &[u8]| UserName::new(name).unwrap().shown().into_owned();
        assert_eq!((&*typed(br"DOM\alice"), &*typed(b"J\xf6rg")), (r"DOM\alice", r"J\xf6rg"));
    }

    #[test]
    fn a_name_can_be_any_bytes_but_those_that_forge_a_line() {
        let usable = |name: &[u8]| UserName::new(name).unwrap().is_usable();
        assert!(usable(b"alice") && usable(b"J\xf6rg") && usable(br"DOM\alice") && usable(b"alice of sales"));
        assert!(!usable(b"") && !usable(b"a\nb") && !usable(b"J\xf6\x07") && !usable("a\u{85}".as_bytes()));
        assert_eq!(UserName::new([b'a'; 256]), Err(TooLong { length: 256, max: limits::USER_NAME }));
    }
}
