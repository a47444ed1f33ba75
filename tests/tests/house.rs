//! The plan of the sources, as far as their text shows it: docs/ARCHITECTURE.md.

use std::fs;
use std::path::{Path, PathBuf};

/// The sources of what is shipped.
const SHIPPED: [&str; 6] =
    ["ck-broker/src", "ck-core/src", "ck-protocol/src", "ck-remove-directory/src", "ckctl/src", "pam_ck/src"];
/// The calls that start a process.
const STARTS: [&str; 5] = ["Command::new(", "posix_spawn(", "posix_spawnp(", "fork(", "execv"];
/// The files that do it. The remover forks itself, and executes no program.
const STARTERS: [&str; 2] = ["ck-broker/src/sys/spawn.rs", "ck-remove-directory/src/sys.rs"];

fn project(path: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

/// Every Rust file of what is shipped, by its path in the project, and its text without the tests in it.
fn sources() -> Vec<(String, String)> {
    let mut waiting: Vec<String> = SHIPPED.map(str::to_owned).to_vec();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        for entry in fs::read_dir(project(&path)).expect("a folder of the project") {
            let entry = entry.expect("an entry");
            let inner = format!("{path}/{}", entry.file_name().to_str().expect("UTF-8"));
            if entry.file_type().expect("a type").is_dir() {
                waiting.push(inner);
            } else if inner.ends_with(".rs") && !inner.ends_with("tests.rs") {
                let text = fs::read_to_string(entry.path()).expect("a source");
                let product = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                found.push((inner, product.to_owned()));
            }
        }
    }
    assert!(found.len() > 100, "only {} sources", found.len());
    found
}

#[test]
fn programs_are_started_in_one_place() {
    let starts = |text: &str| {
        let mut code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.any(|line| STARTS.iter().any(|call| line.contains(call)))
    };
    let mut starters: Vec<String> =
        sources().into_iter().filter(|(_, text)| starts(text)).map(|(path, _)| path).collect();
    starters.sort();
    assert_eq!(starters, STARTERS);
}
