//! Finds what is to be typed in a document.

use std::fs;

pub(crate) const DOCUMENTS: [&str; 8] = [
    "README.md",
    "INSTALL.md",
    "MOVING.md",
    "TROUBLESHOOTING.md",
    "HOOKS.md",
    "HARDENING.md",
    "SESSIONS.md",
    "MONITORING.md",
];

/// The recipes of a document: indented blocks, scripts, and transcripts of what root has typed.
pub(crate) fn recipes(document: &str) -> Vec<String> {
    let folder = if document == "README.md" { "" } else { "docs/" };
    let path = format!("{}{folder}{document}", env!("CK_ROOT"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut found = Vec::new();
    let mut outside = String::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 0 {
            outside += part;
            continue;
        }
        let (language, body) = part.split_once('\n').expect("a fence has lines");
        if language == "sh" || (language.is_empty() && body.starts_with("# ")) {
            found.push(without_indentation(body));
        }
    }
    found.extend(indented(&outside));
    found
}

/// The only recipe that begins so.
pub(crate) fn recipe(document: &str, begin: &str) -> String {
    let mut found = recipes(document).into_iter().filter(|recipe| recipe.starts_with(begin));
    let recipe = found.next().unwrap_or_else(|| panic!("{document} has no recipe that begins with {begin}"));
    assert!(found.next().is_none(), "{document} has two that begin with {begin}");
    recipe
}

/// Blocks of lines with four blanks or more before them, after an empty line.
fn indented(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in text.split("\n\n") {
        let body = paragraph.trim_matches('\n');
        if body.starts_with("    ") && body.lines().all(|line| line.starts_with("    ")) {
            found.push(without_indentation(body));
        }
    }
    found
}

fn without_indentation(body: &str) -> String {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let least = body.lines().filter(|line| !line.trim().is_empty()).map(indentation).min().unwrap_or(0);
    body.lines()
        .map(|line| line.get(least..).unwrap_or(""))
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

#[test]
fn recipes_are_found() {
    assert_eq!(indented("a\n\n    b\n      c\n\n1. d\n\n       e\n\n    f\ng\n"), ["b\n  c", "e"]);
    assert_eq!(recipe("HOOKS.md", "#!/bin/sh").lines().count(), 3);
    assert!(DOCUMENTS.iter().map(|document| recipes(document).len()).sum::<usize>() > 20);
}
