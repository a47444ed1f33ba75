//! Escapes text from outside before it is shown or logged.

use std::fmt::{self, Write};

/// Writes `text` for one line of a terminal or log. Control characters, line and paragraph separators, and the
/// characters that reorder text (Unicode 15, UAX #9) are written as `\u{…}`, and a backslash as `\\`, so that the
/// escaped form is unambiguous.
#[must_use]
pub fn printable(text: &str) -> impl fmt::Display + '_ {
    Printable(text)
}

/// As [`printable`], of bytes that may not be UTF-8. Such a byte is written as `\x` and two hexadecimal digits.
#[must_use]
pub fn printable_bytes(bytes: &[u8]) -> impl fmt::Display + '_ {
    PrintableBytes(bytes)
}

struct PrintableBytes<'b>(&'b [u8]);

impl fmt::Display for PrintableBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            printable(chunk.valid()).fmt(f)?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        Ok(())
    }
}

struct Printable<'t>(&'t str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                c if !is_printable(c) => write!(f, "{}", c.escape_unicode())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// True if a terminal or a log shows `c` without a side effect. All other characters are in the Basic Multilingual
/// Plane, so one `\uXXXX` of JSON can express them.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control() && !misleads(c)
}

/// True if `c` breaks a line or changes the order in which its neighbours are shown.
fn misleads(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_forge_a_line_or_steer_a_terminal_is_escaped() {
        assert_eq!(printable("a\nb\x1b[31m\u{85}").to_string(), r"a\u{a}b\u{1b}[31m\u{85}");
        assert_eq!(printable("x\u{202e}y\u{2028}").to_string(), r"x\u{202e}y\u{2028}");
        assert_eq!(printable(r"a\u{a}").to_string(), r"a\\u{a}");
        assert_eq!(printable("Zoë 日本").to_string(), "Zoë 日本");
    }
}
