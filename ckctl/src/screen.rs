//! The properties of standard output: the width of a terminal, and whether it has colours.

use rustix::termios::{isatty, tcgetwinsize};
use std::{env, fmt::Write, io};
use unicode_width::UnicodeWidthChar;

/// Stands for the rest of a line that does not fit.
const ELLIPSIS: char = '…';
const UNDERLINED: &str = "\x1b[4m";
const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[32m";
const PLAIN: &str = "\x1b[0m";

/// How tables are shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// Whether a table has a heading and a count.
    pub legend: bool,
    /// The width of the terminal. `None`: lines may have any length.
    pub width: Option<usize>,
    /// Whether colours are used.
    pub colour: bool,
}

impl Screen {
    /// The properties of standard output.
    #[must_use]
    pub fn of_stdout(legend: bool) -> Self {
        let stdout = io::stdout();
        let terminal = isatty(&stdout);
        let width = tcgetwinsize(&stdout).ok().map(|size| size.ws_col.into()).filter(|width| *width > 0);
        // https://no-color.org: set and not empty.
        let forbidden = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        Self { legend, width: width.filter(|_| terminal), colour: terminal && !forbidden && !dumb }
    }

    /// The lines, cut to the width of the terminal. The first line is underlined if there is a legend.
    #[must_use]
    pub fn fit(self, table: &str) -> String {
        let mut fitted = String::with_capacity(table.len());
        for (number, line) in table.lines().enumerate() {
            let line = self.cut(line);
            let shown = if number == 0 && self.legend { self.paint(UNDERLINED, &line) } else { line };
            // Writing to a String cannot fail.
            let _ = writeln!(fitted, "{shown}");
        }
        fitted
    }

    /// A good state, in colour.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint(GREEN, text)
    }

    /// A problem, in colour.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint(RED, text)
    }

    fn paint(self, colour: &str, text: &str) -> String {
        if self.colour { format!("{colour}{text}{PLAIN}") } else { text.to_owned() }
    }

    fn cut(self, line: &str) -> String {
        let columns = |c: char| c.width().unwrap_or(0);
        let Some(width) = self.width.filter(|width| line.chars().map(columns).sum::<usize>() > *width) else {
            return line.to_owned();
        };
        let mut left = width.saturating_sub(columns(ELLIPSIS));
        let fits = |c: &char| {
            let rest = left.checked_sub(columns(*c));
            left = rest.unwrap_or(0);
            rest.is_some()
        };
        line.chars().take_while(fits).chain([ELLIPSIS]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_their_width_on_the_terminal() {
        let narrow = Screen { width: Some(5), ..Screen::default() };
        assert_eq!(narrow.fit("12345\n123456\n日本語\n"), "12345\n1234…\n日本…\n");
        assert_eq!(Screen::default().fit("123456\n"), "123456\n");
    }

    #[test]
    fn only_the_heading_is_underlined_and_only_in_colour() {
        let screen = Screen { legend: true, colour: true, width: None };
        assert_eq!(screen.fit("A\nb\n"), "\x1b[4mA\x1b[0m\nb\n");
        assert_eq!(Screen { colour: false, ..screen }.fit("A\nb\n"), "A\nb\n");
        assert_eq!(Screen { colour: false, ..screen }.bad("x"), "x");
    }
}
