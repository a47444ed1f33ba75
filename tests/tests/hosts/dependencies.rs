//! `docs/DEPENDENCIES.md` has every crate that is linked into something shipped, each with a reason, and `ck-core` is pure.
//! `CK_WRITE=1 cargo test --package ck-tests --test hosts dependencies::` writes the trees of the document anew; the reasons
//! are for a person to write. `make deny` looks at licences, sources and duplicates.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is shipped: the package, and what is made of it.
const SHIPPED: [(&str, &str); 4] = [
    ("pam_ck", "pam_ck.so"),
    ("ck-broker", "ck-broker"),
    ("ck-remove-directory", "ck-remove-directory"),
    ("ckctl", "ckctl"),
];
const TREES: &str = "## The trees\n";

fn project(file: &str) -> PathBuf {
    Path::new(env!("CK_ROOT")).join(file)
}

fn read(file: &str) -> String {
    std::fs::read_to_string(project(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What `cargo tree` prints; nothing is fetched.
fn tree(arguments: &[&str]) -> String {
    let cargo = std::env::var("CARGO").expect("cargo runs this");
    let tree = ["tree", "--locked", "--offline", "--color", "never"];
    let output = Command::new(cargo)
        .args(tree)
        .args(arguments)
        .current_dir(project(""))
        .output()
        .expect("start cargo");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("names are UTF-8")
}

/// A line of a tree that was asked for by `--prefix depth` and a format that begins with `{p}`.
fn depth_and_name(line: &str) -> (usize, &str) {
    let name = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let depth = line[..line.len() - name.len()].parse().expect("a depth");
    (depth, name.split(' ').next().expect("a name"))
}

/// The crates of others that `edges` lead to from a package, with their licences.
fn crates(package: &str, edges: &str) -> BTreeMap<String, String> {
    let printed =
        tree(&["--package", package, "--edges", edges, "--prefix", "depth", "--format", "{p}|{l}|"]);
    let lines = printed.lines().map(|line| line.split('|').collect::<Vec<_>>());
    lines
        .map(|fields| (depth_and_name(fields[0]).1.to_owned(), fields[1].to_owned()))
        .filter(|(name, _)| !is_ours(name))
        .collect()
}

fn is_ours(name: &str) -> bool {
    ["ck-protocol", "ck-core", "ck-tests"].contains(&name)
        || SHIPPED.iter().any(|(package, _)| *package == name)
}

/// The same, but only what ends up in the program.
fn linked(package: &str) -> BTreeMap<String, String> {
    crates(package, "normal,no-proc-macro")
}

/// Rows of the document whose first cell is a word in backquotes.
fn rows(document: &str) -> Vec<Vec<String>> {
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn every_crate_has_a_reason_and_its_licence() {
    let document = read("docs/DEPENDENCIES.md");
    let written: BTreeMap<String, Vec<String>> = rows(&document)
        .into_iter()
        .filter(|row| row.len() == 3)
        .map(|row| (row[0].trim_matches('`').to_owned(), row))
        .collect();
    let all: BTreeMap<String, String> =
        SHIPPED.iter().flat_map(|(package, _)| crates(package, "normal")).collect();
    for (name, licence) in &all {
        let row = written
            .get(name)
            .unwrap_or_else(|| panic!("docs/DEPENDENCIES.md says nothing of the crate {name}"));
        assert_eq!(&row[1], licence, "the licence of {name}");
        assert!(row[2].len() > 15, "why is {name} there?");
    }
    let gone: Vec<&String> = written.keys().filter(|name| !all.contains_key(*name)).collect();
    assert!(gone.is_empty(), "docs/DEPENDENCIES.md has crates that nothing needs any more: {gone:?}");
}

#[test]
fn the_trees_and_numbers_are_as_they_are() {
    let document = read("docs/DEPENDENCIES.md");
    let (head, _) = document.split_once(TREES).expect("the trees");
    for (package, program) in SHIPPED {
        let count = linked(package).len();
        let row = format!("| `{program}` | {count} |");
        assert!(head.contains(&row), "docs/DEPENDENCIES.md should have: {row}");
    }
    let now = format!("{head}{TREES}{}", trees());
    if std::env::var_os("CK_WRITE").is_some() {
        std::fs::write(project("docs/DEPENDENCIES.md"), &now).expect("write the document");
    }
    assert!(
        read("docs/DEPENDENCIES.md") == now,
        "docs/DEPENDENCIES.md is out of date: see the head of this test"
    );
}

/// A tree each, indented, without versions. What a crate needs is shown where it comes first.
fn trees() -> String {
    let mut text = String::new();
    for (package, program) in SHIPPED {
        let edges = "normal,no-proc-macro";
        let printed =
            tree(&["--package", package, "--edges", edges, "--prefix", "depth", "--format", "{p} "]);
        text += &format!("\n`{program}`:\n\n```\n");
        for (depth, name) in printed.lines().map(depth_and_name) {
            text += &format!("{}{name}\n", "  ".repeat(depth));
        }
        text += "```\n";
    }
    text
}

/// All that the rules of the broker may use. They are plain values: without I/O, clock and processes.
const CORE: [&str; 2] = ["ck-protocol", "serde"];
/// What of the standard library would be I/O, a clock or a process.
const IMPURE: [&str; 10] =
    ["env", "extern", "fs", "io", "net", "os", "process", "thread", "unsafe", "SystemTime"];

#[test]
fn the_core_depends_on_the_protocol_and_serde_alone() {
    let edges = ["--edges", "normal", "--prefix", "depth", "--format", "{p} "];
    let printed = tree(&[&["--package", "ck-core"], &edges[..]].concat());
    let all: Vec<(usize, &str)> = printed.lines().map(depth_and_name).collect();
    let direct: Vec<&str> = all.iter().filter(|(depth, _)| *depth == 1).map(|(_, name)| *name).collect();
    assert_eq!(direct, CORE);
    for system in ["nix", "rustix", "libc", "log"] {
        assert!(!all.iter().any(|(_, name)| *name == system), "ck-core depends on {system}");
    }
}

/// `ck-core/clippy.toml` forbids single functions and types. This looks for whole modules. Unit tests are left out: they
/// need an instant.
#[test]
fn the_core_names_nothing_that_is_not_pure() {
    let mut folders = vec![project("ck-core/src")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.ends_with("tests.rs") {
                continue;
            }
            files += 1;
            let source = std::fs::read_to_string(&path).expect("text");
            let code = source.split("#[cfg(test)]\nmod tests {").next().expect("the code");
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                let is_impure = |word: &str| IMPURE.contains(&word);
                let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
                let found =
                    words.any(is_impure) || line.contains("Instant::now") || line.contains(".elapsed()");
                assert!(!found, "{}: {line}", path.display());
            }
        }
    }
    assert!(files > 15, "{files} files");
}
