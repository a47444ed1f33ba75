//! The examples in the manual pages of `ckctl` are accepted.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

use ckctl::{arguments::Arguments, manual};
use clap::{CommandFactory, Parser};

/// The pages of a command and of the verbs below it.
fn pages(command: &clap::Command, name: &str) -> Vec<String> {
    let below =
        command.get_subcommands().flat_map(|verb| pages(verb, &format!("{name} {}", verb.get_name())));
    std::iter::once(name.to_owned()).chain(below).collect()
}

/// The words of a command as a shell has them, up to what is done with its output.
fn words(example: &str) -> Vec<String> {
    let command = example.split(['|', '>']).next().unwrap().trim();
    let (mut words, mut quoted) = (vec![String::new()], false);
    for character in command.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words
}

#[test]
fn examples_are_accepted() {
    let command = Arguments::command();
    let mut seen = 0;
    for page in pages(&command, "ckctl") {
        let examples = manual::sections(&page).into_iter().find(|section| section.heading == "EXAMPLES");
        for (example, _) in examples.unwrap_or_else(|| panic!("{page}: no examples")).entries {
            seen += 1;
            assert!(example.starts_with("ckctl"), "{page}: {example}");
            let parsed = Arguments::try_parse_from(words(example));
            assert!(parsed.is_ok(), "{example}: {}", parsed.err().unwrap());
        }
    }
    assert!(seen > 25, "only {seen}");
}
