//! Strings with a maximum length.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, sync::Arc};

/// A string of at most `MAX` bytes. It may contain any character, so it is shown through
/// [`printable`](crate::printable()).
///
/// Clones share the string: the path of a user's directory is in each of their sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(Arc<str>);

/// The string was longer than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{length} bytes are too long: at most {max} are allowed")]
pub struct TooLong {
    /// The length of the string, in bytes.
    pub length: usize,
    /// The maximum length, in bytes.
    pub max: usize,
}

impl<const MAX: usize> Text<MAX> {
    /// A text with the whole of `text`.
    ///
    /// # Errors
    /// [`TooLong`] if `text` has more than `MAX` bytes.
    pub fn new(text: &str) -> Result<Self, TooLong> {
        if text.len() > MAX {
            return Err(TooLong { length: text.len(), max: MAX });
        }
        Ok(Self(text.into()))
    }

    /// A text with as much of `text` as fits, cut between two characters. For facts that are only shown, such as the
    /// name of a remote host, because a long one must not prevent a login.
    #[must_use]
    pub fn clipped(text: &str) -> Self {
        let mut end = text.len().min(MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self(text.get(..end).unwrap_or_default().into())
    }

    /// The string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    /// Writes the text with control characters escaped, as [`printable`](crate::printable()) does, so that the default
    /// form is the safe one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::printable(&self.0).fmt(f)
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor<const MAX: usize>;
        impl<const MAX: usize> de::Visitor<'_> for Visitor<MAX> {
            type Value = Text<MAX>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a string of at most {MAX} bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Text::new(text).map_err(E::custom)
            }
        }
        from.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_takes_its_limit_and_no_byte_more() {
        assert_eq!(Text::<3>::new("abc").unwrap().as_str(), "abc");
        assert_eq!(Text::<3>::new("abcd"), Err(TooLong { length: 4, max: 3 }));
    }

    #[test]
    fn clipping_never_splits_a_character() {
        assert_eq!(Text::<3>::clipped("aé€").as_str(), "aé");
        assert_eq!(Text::<4>::clipped("aé€").as_str(), "aé");
        assert_eq!(Text::<6>::clipped("aé€").as_str(), "aé€");
    }
}
