//! An object that is written one member after another.

use super::Value;
use ck_protocol::is_printable;
use std::{fmt::Write as _, time::Duration};

/// Stands for the rest of a text that was too long.
const CUT: char = '\u{2026}';

/// Appends `c` to JSON `text`: as it is, or as `\uXXXX` if it could break a line or steer a terminal. A quotation mark and
/// a backslash are appended as they are.
pub fn escape(text: &mut String, c: char) {
    if is_printable(c) {
        text.push(c);
    } else {
        // Writing to a String cannot fail. All of these are in the Basic Multilingual Plane.
        let _ = write!(text, "\\u{:04x}", u32::from(c));
    }
}

/// A JSON object that is being written.
#[derive(Debug)]
pub struct Object(String);

impl Default for Object {
    fn default() -> Self {
        Self("{".to_owned())
    }
}

impl Object {
    /// An object with room for `bytes` bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        let mut object = Self(String::with_capacity(bytes));
        object.0.push('{');
        object
    }

    /// Appends a member.
    #[must_use]
    pub fn member<'v>(mut self, name: &'static str, value: impl Into<Value<'v>>) -> Self {
        match value.into() {
            Value::Null => self.name(name).push_str("null"),
            // Writing to a String cannot fail.
            Value::Truth(truth) => drop(write!(self.name(name), "{truth}")),
            Value::Number(number) => drop(write!(self.name(name), "{number}")),
            Value::Text(text) => return self.text_within(name, &text, usize::MAX),
        }
        self
    }

    /// Appends a member, unless the value is absent.
    #[must_use]
    pub fn present<'v>(self, name: &'static str, value: Option<impl Into<Value<'v>>>) -> Self {
        match value {
            Some(value) => self.member(name, value),
            None => self,
        }
    }

    /// Appends a time in seconds, with thousandths.
    #[must_use]
    pub fn seconds(mut self, name: &'static str, time: Duration) -> Self {
        let _ = write!(self.name(name), "{}.{:03}", time.as_secs(), time.subsec_millis());
        self
    }

    /// Appends as much of a text as fits into `most` bytes in its escaped form. A text that was cut ends with `…`.
    #[must_use]
    pub fn text_within(mut self, name: &'static str, text: &str, most: usize) -> Self {
        let json = self.name(name);
        json.push('"');
        let start = json.len();
        // Up to here there is room for the mark as well.
        let mut fits = start;
        for c in text.chars() {
            if matches!(c, '"' | '\\') {
                json.push('\\');
            }
            escape(json, c);
            if json.len() - start > most {
                json.truncate(fits);
                json.push(CUT);
                break;
            }
            if (json.len() - start).saturating_add(CUT.len_utf8()) <= most {
                fits = json.len();
            }
        }
        json.push('"');
        self
    }

    /// The object, without a line feed.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    /// Begins a member. Names are words of the program, and need no escaping.
    fn name(&mut self, name: &'static str) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let _ = write!(self.0, "\"{name}\":");
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_has_its_members_in_order() {
        let absent: Option<&str> = None;
        let object =
            Object::default().member("n", 7).member("t", true).member("a", absent).present("b", absent);
        let object = object.seconds("up", Duration::from_millis(61_005)).present("c", Some("d"));
        assert_eq!(object.finish(), r#"{"n":7,"t":true,"a":null,"up":61.005,"c":"d"}"#);
        assert_eq!(Object::with_capacity(9).finish(), "{}");
    }

    #[test]
    fn what_could_forge_a_line_or_steer_a_terminal_is_escaped() {
        let object = Object::default().member("user", "a\"b\\c\n\u{1b}\u{202e}é").finish();
        assert_eq!(object, "{\"user\":\"a\\\"b\\\\c\\u000a\\u001b\\u202eé\"}");
    }

    #[test]
    fn a_text_is_cut_between_characters_and_says_so() {
        for (text, most, kept) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc…"),
            ("\n\n", 12, "\\u000a\\u000a"),
            ("\n\nx", 12, "\\u000a…"),
            ("ééé", 5, "é…"),
            ("\"\"\"", 4, "…"),
        ] {
            let object = Object::default().text_within("user", text, most).finish();
            assert_eq!(object, format!("{{\"user\":\"{kept}\"}}"), "{text:?}");
        }
    }
}
