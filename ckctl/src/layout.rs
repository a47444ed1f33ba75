//! The columns of a list, and the list as a table for people or as CSV for programs.

use crate::{facts::NONE, screen::Screen, time};
use ck_core::json::rfc3339;
use ck_protocol::{Text, Timestamp, UserName, printable};
use std::{
    io::{self, Write as _},
    time::Duration,
};
use tabwriter::{Alignment, TabWriter};
use unicode_width::UnicodeWidthStr;

/// What is kept at least of a column that may be cut: the name of most programs.
const LEAST: usize = 7;
/// The space between two columns.
const GAP: usize = 2;

/// A value in a list. Values of one kind are sorted by their order, absent ones first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// There is no value.
    Absent,
    /// A number.
    Number(u64),
    /// A duration. `true`: the duration is an upper limit.
    Duration(Duration, bool),
    /// A time.
    Time(Timestamp),
    /// Any text. It is escaped when it is shown.
    Text(String),
    /// The name of a user.
    Name(UserName),
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<Timestamp> for Cell {
    fn from(time: Timestamp) -> Self {
        Self::Time(time)
    }
}

impl From<bool> for Cell {
    fn from(truth: bool) -> Self {
        if truth { "yes" } else { "no" }.into()
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<const MAX: usize> From<&Text<MAX>> for Cell {
    fn from(text: &Text<MAX>) -> Self {
        text.as_str().into()
    }
}

impl From<&UserName> for Cell {
    fn from(name: &UserName) -> Self {
        Self::Name(name.clone())
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Into::into)
    }
}

impl Cell {
    /// The value for people.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Absent => NONE.to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Duration(lasted, false) => time::duration(*lasted),
            Self::Duration(lasted, true) => format!("up to {}", time::duration(*lasted)),
            Self::Time(moment) => time::local(*moment),
            Self::Text(text) => printable(text).to_string(),
            Self::Name(name) => name.shown().into_owned(),
        }
    }

    /// The value as a field of CSV (RFC 4180): times as RFC 3339, durations in seconds, nothing for an absent value.
    fn csv(&self) -> String {
        let text = match self {
            Self::Absent => String::new(),
            Self::Duration(lasted, _) => lasted.as_secs().to_string(),
            Self::Time(moment) => rfc3339(*moment),
            Self::Number(_) | Self::Text(_) | Self::Name(_) => self.shown(),
        };
        if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    }
}

/// A column of a list.
#[derive(Debug)]
pub struct Column<T> {
    /// The heading of the column.
    pub name: &'static str,
    /// What the column shows, for the manual page.
    pub meaning: &'static str,
    /// Takes the value out of an item.
    pub cell: fn(&T) -> Cell,
}

/// The columns of a list.
#[derive(Debug)]
pub struct Layout<T: 'static> {
    /// The word for one item.
    pub noun: &'static str,
    /// All columns.
    pub columns: &'static [Column<T>],
    /// Columns that are left out on a terminal that is too narrow, the least useful first.
    pub least_useful: &'static [&'static str],
    /// The last column, if it may be cut before another one is left out.
    pub elastic: Option<&'static str>,
}

/// Which columns are shown, and the order of the rows.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Selection {
    /// Show only these columns of a list, in this order
    #[arg(long, global = true, value_name = "COLUMN,...", value_delimiter = ',')]
    pub columns: Vec<String>,

    /// Sort a list by this column
    #[arg(long, global = true, value_name = "COLUMN")]
    pub sort: Option<String>,
}

impl Selection {
    /// Whether one of these columns is shown or sorted by.
    #[must_use]
    pub fn takes(&self, columns: &[&str]) -> bool {
        let named = |name: &String| columns.iter().any(|column| key(column) == key(name));
        self.columns.is_empty() || self.columns.iter().chain(&self.sort).any(named)
    }
}

/// A list has no such column.
#[derive(Debug, thiserror::Error)]
#[error("unknown column `{}`: use {}", printable(name), known.join(", "))]
pub struct UnknownColumn {
    name: String,
    known: Vec<String>,
}

/// The selected values of a list.
struct Grid<'l, T> {
    columns: Vec<&'l Column<T>>,
    rows: Vec<Vec<Cell>>,
}

impl<T> Layout<T> {
    /// A heading, a row for each of `items`, and their number. Without a legend, only the rows.
    ///
    /// # Errors
    /// [`UnknownColumn`]
    pub fn table(&self, items: &[T], selection: &Selection, screen: Screen) -> Result<String, UnknownColumn> {
        let mut grid = self.grid(items, selection)?;
        if items.is_empty() {
            return Ok(if screen.legend { format!("No {}s.\n", self.noun) } else { String::new() });
        }
        let left_out = match screen.width {
            Some(width) if selection.columns.is_empty() => grid.narrow(self, width, screen.legend),
            _ => Vec::new(),
        };
        let mut lines: Vec<String> =
            grid.rows.iter().map(|row| row.iter().map(Cell::shown).collect::<Vec<_>>().join("\t")).collect();
        if screen.legend {
            lines.insert(0, grid.columns.iter().map(|column| column.name).collect::<Vec<_>>().join("\t"));
        }
        let mut table = screen.fit(&aligned(&(lines.join("\n") + "\n")));
        if screen.legend {
            let plural = if items.len() == 1 { "" } else { "s" };
            table += &format!("\n{} {}{plural} listed.\n", items.len(), self.noun);
            if !left_out.is_empty() {
                table += &format!("The terminal is too narrow for: {}.\n", left_out.join(", "));
            }
        }
        Ok(table)
    }

    /// CSV (RFC 4180, with the line ends of this system). The first line has the names of the columns if `legend`.
    ///
    /// # Errors
    /// [`UnknownColumn`]
    pub fn csv(&self, items: &[T], selection: &Selection, legend: bool) -> Result<String, UnknownColumn> {
        let grid = self.grid(items, selection)?;
        let head = legend.then(|| grid.columns.iter().map(|column| key(column.name)).collect::<Vec<_>>());
        let rows = grid.rows.iter().map(|row| row.iter().map(Cell::csv).collect());
        Ok(head.into_iter().chain(rows).map(|row| row.join(",") + "\n").collect())
    }

    fn grid(&self, items: &[T], selection: &Selection) -> Result<Grid<'_, T>, UnknownColumn> {
        let sort = selection.sort.as_deref().map(|name| self.column(name)).transpose()?;
        let mut items: Vec<&T> = items.iter().collect();
        if let Some(Column { cell, .. }) = sort {
            items.sort_by_cached_key(|item| cell(item));
        }
        let columns = if selection.columns.is_empty() {
            self.columns.iter().collect()
        } else {
            selection.columns.iter().map(|name| self.column(name)).collect::<Result<Vec<_>, _>>()?
        };
        let rows = items.iter().map(|item| columns.iter().map(|column| (column.cell)(item)).collect());
        Ok(Grid { rows: rows.collect(), columns })
    }

    fn column(&self, name: &str) -> Result<&'static Column<T>, UnknownColumn> {
        let known = || self.columns.iter().map(|column| key(column.name)).collect();
        let found = self.columns.iter().find(|column| key(column.name) == key(name));
        found.ok_or_else(|| UnknownColumn { name: name.to_owned(), known: known() })
    }
}

impl<T> Grid<'_, T> {
    /// Leaves out columns until the rest fits into `width`. Returns the names of the columns that were left out.
    fn narrow(&mut self, layout: &Layout<T>, width: usize, legend: bool) -> Vec<&'static str> {
        let mut left_out = Vec::new();
        for &name in layout.least_useful {
            if self.width(layout.elastic, legend) <= width {
                break;
            }
            if let Some(at) = self.columns.iter().position(|column| column.name == name) {
                self.columns.remove(at);
                self.rows.iter_mut().for_each(|row| drop(row.remove(at)));
                left_out.push(name);
            }
        }
        left_out
    }

    /// The width of the table, in which the column `elastic` may be cut.
    fn width(&self, elastic: Option<&str>, legend: bool) -> usize {
        let of_column = |(at, column): (usize, &&Column<T>)| {
            let cells = self.rows.iter().filter_map(|row| Some(row.get(at)?.shown().width()));
            let width = cells.chain(legend.then(|| column.name.width())).max().unwrap_or(0);
            if elastic == Some(column.name) { width.min(LEAST) + GAP } else { width + GAP }
        };
        self.columns.iter().enumerate().map(of_column).sum::<usize>().saturating_sub(GAP)
    }
}

/// The name of a column on the command line and in CSV: `remote_host` for REMOTE HOST.
#[must_use]
pub fn key(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

/// A line for each of `fields`, the name before the value.
#[must_use]
pub fn named<'f>(fields: impl IntoIterator<Item = (&'f str, String)>) -> String {
    aligned(&fields.into_iter().map(|(name, value)| format!("{name}:\t{value}\n")).collect::<String>())
}

/// Aligns cells that are separated by tabs, by their width on a terminal.
fn aligned(rows: &str) -> String {
    let mut writer = TabWriter::new(Vec::new()).padding(GAP).alignment(Alignment::Left);
    let written = writer.write_all(rows.as_bytes()).and_then(|()| writer.flush());
    let aligned = written.and_then(|()| {
        writer.into_inner().map_err(|error| io::Error::other(error.to_string())).map(String::from_utf8)
    });
    // Writing to memory does not fail. Rows that are not aligned could still be read.
    aligned.ok().and_then(Result::ok).unwrap_or_else(|| rows.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Item = (u64, &'static str, Option<&'static str>);

    const ITEMS: [Item; 3] = [(10, "b\"x,y", Some("h1")), (9, "日本", None), (2, "a\u{1b}", Some("h0"))];
    const LAYOUT: Layout<Item> = Layout {
        noun: "item",
        columns: &[
            Column { name: "ID", meaning: "", cell: |item| item.0.into() },
            Column { name: "NAME", meaning: "", cell: |item| item.1.into() },
            Column { name: "REMOTE HOST", meaning: "", cell: |item| item.2.into() },
        ],
        least_useful: &["NAME", "ID"],
        elastic: None,
    };

    fn selection(columns: &[&str], sort: Option<&str>) -> Selection {
        Selection {
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            sort: sort.map(str::to_owned),
        }
    }

    fn table(columns: &[&str], sort: Option<&str>, legend: bool, width: Option<usize>) -> String {
        let screen = Screen { legend, colour: false, width };
        LAYOUT.table(&ITEMS, &selection(columns, sort), screen).unwrap()
    }

    #[test]
    fn columns_line_up_by_their_width_on_a_terminal() {
        assert_eq!(aligned("a\tb\n日本\tc\n"), "a     b\n日本  c\n");
    }

    #[test]
    fn an_empty_list_says_so() {
        let table = |legend| {
            LAYOUT.table(&[], &Selection::default(), Screen { legend, ..Screen::default() }).unwrap()
        };
        assert_eq!((table(true).as_str(), table(false).as_str()), ("No items.\n", ""));
    }

    #[test]
    fn columns_can_be_chosen_and_rows_sorted_by_value() {
        assert_eq!(table(&["remote-host", "Id"], Some("ID"), false, None), "h0  2\n-   9\nh1  10\n");
        assert_eq!(table(&["id"], Some("remote host"), false, None), "9\n2\n10\n");
        let error = LAYOUT.table(&ITEMS, &selection(&["na\u{1b}me"], None), Screen::default()).unwrap_err();
        assert_eq!(error.to_string(), r"unknown column `na\u{1b}me`: use id, name, remote_host");
        assert!(LAYOUT.csv(&[], &selection(&[], Some("x")), true).is_err());
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_useful_columns_first_and_says_so() {
        let wide = table(&[], None, true, Some(25));
        assert!(wide.starts_with("ID  NAME     REMOTE HOST\n10  b\"x,y    h1\n"), "{wide}");
        let narrow = table(&[], None, true, Some(20));
        assert!(narrow.starts_with("ID  REMOTE HOST\n10  h1\n9   -\n"), "{narrow}");
        assert!(narrow.ends_with("\n3 items listed.\nThe terminal is too narrow for: NAME.\n"), "{narrow}");
        assert_eq!(table(&[], None, false, Some(3)), "h1\n-\nh0\n");
        assert_eq!(table(&["name"], None, false, Some(5)), "b\"x,y\n日本\na\\u{…\n");
    }

    #[test]
    fn the_last_column_is_cut_before_another_one_is_left_out() {
        let layout = Layout::<Item> { elastic: Some("REMOTE HOST"), ..LAYOUT };
        let table = |width| {
            let screen = Screen { legend: true, colour: false, width: Some(width) };
            layout.table(&ITEMS, &Selection::default(), screen).unwrap()
        };
        assert!(table(21).starts_with("ID  NAME     REMOTE …\n10  b\"x,y    h1\n"), "{}", table(21));
        assert!(table(19).starts_with("ID  REMOTE HOST\n10  h1\n"), "{}", table(19));
    }

    #[test]
    fn csv_quotes_and_escapes_its_fields() {
        let csv = LAYOUT.csv(&ITEMS, &Selection::default(), true).unwrap();
        let rows = "10,\"b\"\"x,y\",h1\n9,日本,\n2,a\\u{1b},h0\n";
        assert_eq!(csv, format!("id,name,remote_host\n{rows}"));
        assert_eq!(LAYOUT.csv(&ITEMS, &Selection::default(), false).unwrap(), rows);
        assert_eq!(Cell::Time(Timestamp::from_micros(0)).csv(), "1970-01-01T00:00:00.000000Z");
        assert_eq!(Cell::Duration(Duration::from_secs(90), true).csv(), "90");
    }
}
