//! The form of what is printed: a table for people, JSON or CSV for programs.

use crate::{
    json,
    layout::{Layout, Selection, UnknownColumn},
    screen::Screen,
};
use clap::ValueEnum;
use serde::Serialize;

/// The form of what is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns
    #[default]
    Table,
    /// JSON, as docs/JSON.md describes it
    Json,
    /// Comma-separated values (RFC 4180), for lists
    Csv,
}

/// Why something could not be printed in the requested form.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The list has no such column.
    #[error(transparent)]
    Column(#[from] UnknownColumn),
    /// The JSON could not be made.
    #[error("cannot write the JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// The form.
    pub format: Format,
    /// The columns and the order of lists.
    pub selection: &'a Selection,
    /// The terminal.
    pub screen: Screen,
}

impl Output<'_> {
    /// A list. `json` makes the JSON of one item.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn list<'t, T, J: Serialize>(
        &self,
        layout: &Layout<T>,
        items: &'t [T],
        json: impl Fn(&'t T) -> J,
    ) -> Result<String, OutputError> {
        Ok(match self.format {
            Format::Json => json::pretty(&items.iter().map(json).collect::<Vec<_>>())?,
            Format::Table => layout.table(items, self.selection, self.screen)?,
            Format::Csv => layout.csv(items, self.selection, self.screen.legend)?,
        })
    }

    /// A list with one JSON object on each line.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn lines<'t, T, J: Serialize>(
        &self,
        layout: &Layout<T>,
        items: &'t [T],
        json: impl Fn(&'t T) -> J,
    ) -> Result<String, OutputError> {
        match self.format {
            Format::Json => Ok(items.iter().map(|item| json::line(&json(item))).collect::<Result<_, _>>()?),
            Format::Table | Format::Csv => self.list(layout, items, json),
        }
    }

    /// One thing: its JSON, or `text`.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn one(&self, json: &impl Serialize, text: impl FnOnce() -> String) -> Result<String, OutputError> {
        Ok(if self.format == Format::Json { json::pretty(json)? } else { text() })
    }
}
