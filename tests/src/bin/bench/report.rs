//! What is shown and kept of a run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Where it is kept.
pub(crate) const PLACE: &str = concat!(env!("CK_ROOT"), "target/bench");

/// A target of the project beside what was measured.
struct Target {
    measure: String,
    target: String,
    measured: String,
    reached: Option<bool>,
}

/// All of a run, as far as it has come.
#[derive(Default)]
pub(crate) struct Report {
    targets: Vec<Target>,
    tables: Vec<String>,
    notes: Vec<String>,
    values: Map<String, Value>,
}

impl Report {
    /// A figure for which there is a target.
    pub(crate) fn target(&mut self, measure: &str, target: &str, measured: String, reached: bool) {
        self.add(measure, target, measured, Some(reached));
    }

    /// A figure for which there is none, or that could not be had as the target has it.
    pub(crate) fn figure(&mut self, measure: &str, measured: String) {
        self.add(measure, "", measured, None);
    }

    fn add(&mut self, measure: &str, target: &str, measured: String, reached: Option<bool>) {
        println!("  {measure}: {measured}");
        self.targets.push(Target { measure: measure.into(), target: target.into(), measured, reached });
    }

    /// Lines of a table of its own.
    pub(crate) fn table(&mut self, table: String) {
        println!("{table}");
        self.tables.push(table);
    }

    /// What the reader has to know, such as who could not be measured.
    pub(crate) fn note(&mut self, note: String) {
        println!("  note: {note}");
        self.notes.push(note);
    }

    /// A value of `results.json`.
    pub(crate) fn value(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Prints all of it, and writes `results.json` and `table.md`.
    pub(crate) fn finish(mut self) {
        let text = self.text();
        println!("\n{text}");
        let targets = self.targets.iter().map(
            |row| json!({"measure": row.measure, "target": row.target, "measured": row.measured, "reached": row.reached}),
        );
        self.values.insert("targets".into(), targets.collect());
        self.values.insert("notes".into(), self.notes.clone().into());
        write("results.json", &serde_json::to_string_pretty(&self.values).expect("JSON"));
        write("table.md", &text);
        println!("In {}: results.json, table.md and the plots.", place().display());
    }

    fn text(&self) -> String {
        let mut text = self.tables.join("\n");
        let rows = self.targets.iter().map(|row| {
            let verdict = match row.reached {
                Some(true) => "reached",
                Some(false) => "NOT reached",
                None => "",
            };
            vec![row.measure.clone(), row.measured.clone(), row.target.clone(), verdict.to_owned()]
        });
        let head = ["measure", "measured", "target", ""].map(str::to_owned).to_vec();
        text += &format!("\n{}", markdown(&[vec![head], rows.collect()].concat()));
        for note in &self.notes {
            text += &format!("\n- {note}");
        }
        text
    }
}

fn place() -> PathBuf {
    let place = Path::new(PLACE);
    fs::create_dir_all(place).expect("make target/bench");
    place.canonicalize().expect("a directory that was just made")
}

/// Leaves a file in `target/bench`.
pub(crate) fn write(name: &str, text: &str) {
    fs::write(place().join(name), text).expect("write a file in target/bench");
}

/// A table in Markdown that is a table on a terminal too; the first row is its head.
pub(crate) fn markdown(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell =
            |(at, width): (usize, &usize)| format!(" {:<width$} |", row.get(at).map_or("", String::as_str));
        format!("|{}\n", widths.iter().enumerate().map(cell).collect::<String>())
    };
    let rule = widths.iter().map(|width| format!(" {} |", "-".repeat(*width))).collect::<String>();
    let mut text = rows.first().map(line).unwrap_or_default();
    text += &format!("|{rule}\n");
    text + &rows.iter().skip(1).map(line).collect::<String>()
}
