//! One line, of bounded length whatever is put into it.

use super::moment::{self, Moment};
use ck_protocol::is_printable;
use std::{fmt::Write as _, time::Duration};

/// No line is longer, in bytes with its line feed.
pub(super) const LONGEST: usize = 400;
/// How much of a user's name is kept, in bytes as they are written: as long as useradd(8) lets it be.
pub(super) const USER: usize = 32;
/// The same of a PAM service.
pub(super) const SERVICE: usize = 16;
/// The same of a terminal.
pub(super) const TTY: usize = 16;
/// The same of a remote host: any address fits.
pub(super) const HOST: usize = 56;
/// The same of a version, of the kernel or of ours.
pub(super) const VERSION: usize = 64;
/// What stands for the rest of a text that was too long.
const CUT: char = '\u{2026}';

/// A line that is being written: JSON, an object, one member after another.
#[derive(Debug)]
pub(super) struct Line(String);

impl Line {
    /// What happened, when, and in which run of the system.
    pub(super) fn new(at: Moment, boot: &str, event: &str) -> Self {
        let mut line = Self(String::with_capacity(LONGEST));
        line.0.push('{');
        line.word("time", &moment::rfc3339(at.time))
            .seconds("up", at.since_boot)
            .word("boot", boot)
            .word("event", event)
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        // Writing to a String cannot fail.
        let _ = write!(self.0, "\"{name}\":");
    }

    /// A character as a string of JSON may hold it, and any terminal.
    fn escaped(&mut self, c: char) {
        match c {
            '"' | '\\' => self.0.extend(['\\', c]),
            c if is_printable(c) => self.0.push(c),
            // All of these are in the Basic Multilingual Plane.
            c => drop(write!(self.0, "\\u{:04x}", u32::from(c))),
        }
    }

    /// A short text of ours.
    pub(super) fn word(self, name: &str, word: &str) -> Self {
        self.text(name, word, LONGEST)
    }

    /// A text of anybody's, as much of it as fits into `most` bytes with what is escaped in it.
    pub(super) fn text(mut self, name: &str, text: &str, most: usize) -> Self {
        self.name(name);
        self.0.push('"');
        let start = self.0.len();
        // Up to here there is room for the mark as well.
        let mut fits = start;
        for c in text.chars() {
            self.escaped(c);
            if self.0.len() - start > most {
                self.0.truncate(fits);
                self.0.push(CUT);
                break;
            }
            if self.0.len() - start + CUT.len_utf8() <= most {
                fits = self.0.len();
            }
        }
        self.0.push('"');
        self
    }

    pub(super) fn optional(self, name: &str, text: Option<&str>, most: usize) -> Self {
        match text {
            Some(text) => self.text(name, text, most),
            None => self,
        }
    }

    pub(super) fn number(mut self, name: &str, number: u64) -> Self {
        self.name(name);
        let _ = write!(self.0, "{number}");
        self
    }

    pub(super) fn truth(mut self, name: &str, truth: bool) -> Self {
        self.name(name);
        let _ = write!(self.0, "{truth}");
        self
    }

    /// A time in seconds, with thousandths.
    pub(super) fn seconds(mut self, name: &str, time: Duration) -> Self {
        self.name(name);
        let _ = write!(self.0, "{}.{:03}", time.as_secs(), time.subsec_millis());
        self
    }

    pub(super) fn finish(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::Timestamp;

    fn line() -> Line {
        let at = Moment { time: Timestamp::from_micros(0), since_boot: Duration::from_millis(61_005) };
        Line::new(at, "0123abcd", "tested")
    }

    #[test]
    fn a_line_is_one_object() {
        let line = line().number("uid", 7).optional("tty", None, TTY).truth("late", true).finish();
        let head = r#"{"time":"1970-01-01T00:00:00.000000Z","up":61.005,"boot":"0123abcd","event":"tested""#;
        assert_eq!(line, format!("{head},\"uid\":7,\"late\":true}}\n"));
    }

    #[test]
    fn what_could_forge_a_line_or_steer_a_terminal_is_escaped() {
        let line = line().text("user", "a\"b\\c\n\u{1b}\u{202e}é", 99).finish();
        assert!(line.ends_with("\"user\":\"a\\\"b\\\\c\\u000a\\u001b\\u202eé\"}\n"), "{line}");
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
            let line = line().text("user", text, most).finish();
            assert!(line.ends_with(&format!("\"user\":\"{kept}\"}}\n")), "{text:?}: {line}");
        }
    }
}
