//! `packaging/broker.toml`, which is installed as `/etc/ck/broker.toml`, and the page `broker.toml(5)`: both name every
//! key with its default, and no other. Which keys there are is asked of the parser, which names them where it finds
//! one that it does not know.

#![allow(clippy::unwrap_used, reason = "tests may panic, also outside functions marked #[test]")]

use ck_broker::config::Configuration;
use std::collections::{BTreeMap, BTreeSet};

const EXAMPLE: &str = include_str!("../../packaging/broker.toml");
const PAGE: &str = include_str!("../../packaging/man/man5/broker.toml.5");
/// A name that a seat and a service can have: some tables have names of the administrator's below them.
const NAME: &str = "seat1";
/// Without a default: what stands there is an example.
const OPTIONAL: [&str; 4] =
    ["runtime_dir.inodes", "seats.NAME.ttys", "services.NAME.class", "services.NAME.session"];

/// What is said of each key: `table.key`, and the value.
type Said = BTreeMap<String, String>;

fn read(text: &str) -> Result<Configuration, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

/// The keys that the parser knows in a table, `""` for the file itself; `None` where it takes any name.
fn known(table: &str) -> Option<Vec<String>> {
    let head = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
    let complaint = read(&format!("{head}surely_no_key = 1")).unwrap_err();
    let (_, names) = complaint.split_once("unknown field `surely_no_key`, expected ")?;
    Some(names.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}

fn all_keys() -> BTreeSet<String> {
    let of = |table: String| match known(&table) {
        Some(keys) => keys.into_iter().map(|key| format!("{table}.{key}")).collect::<Vec<_>>(),
        None => {
            let keys = known(&format!("{table}.{NAME}")).unwrap();
            keys.into_iter().map(|key| format!("{table}.NAME.{key}")).collect()
        }
    };
    known("").unwrap().into_iter().flat_map(of).collect()
}

/// The table of a line such as `[seats.seat1]`, the administrator's name in it replaced.
fn table(head: &str) -> Option<String> {
    let name = head.strip_prefix('[')?.strip_suffix(']')?;
    Some(name.split_once('.').map_or(name.to_owned(), |(first, _)| format!("{first}.NAME")))
}

/// The lines of the example that say something, or would without their `#`. What follows `# ` is prose.
fn settings() -> impl Iterator<Item = &'static str> {
    EXAMPLE.lines().filter_map(|line| {
        let line = line.strip_prefix('#').unwrap_or(line);
        (!line.is_empty() && !line.starts_with(' ')).then_some(line)
    })
}

fn said_in_example() -> Said {
    let (mut said, mut place) = (Said::new(), String::new());
    for line in settings() {
        if let Some(table) = table(line) {
            place = table;
        } else {
            let (key, value) = line.split_once(" = ").unwrap();
            let first = said.insert(format!("{place}.{key}"), value.to_owned()).is_none();
            assert!(first, "{line} is there twice");
        }
    }
    said
}

/// The entries of the page: the line that follows `.TP`, below a heading that is a table.
fn said_in_page() -> Said {
    let (mut said, mut place) = (Said::new(), None);
    let mut lines = PAGE.lines().map(|line| line.replace("\\(dq", "\"").replace("\\-", "-"));
    while let Some(line) = lines.next() {
        match (line.split_once(' '), &place) {
            (Some((".SS", head)), _) => place = table(head),
            (Some((".SH", _)), _) => place = None,
            (None, Some(place)) if line == ".TP" => {
                let tag = lines.next().unwrap();
                // Others are values, listed within an entry.
                if let Some((key, value)) = tag.strip_prefix(".B ").and_then(|tag| tag.split_once(" = ")) {
                    said.insert(format!("{place}.{key}"), value.to_owned());
                }
            }
            _ => {}
        }
    }
    said
}

/// The example with every key uncommented of which this is true.
fn uncommented(wanted: impl Fn(&str) -> bool) -> String {
    let (mut text, mut place) = (String::new(), String::new());
    for line in settings() {
        if let Some(table) = table(line) {
            place = table;
        }
        let key = line.split_once(" = ").map(|(key, _)| format!("{place}.{key}"));
        if key.is_none_or(|key| wanted(&key)) && (!place.ends_with("NAME") || wanted(&place)) {
            text += line;
            text.push('\n');
        }
    }
    text
}

#[test]
fn the_example_as_it_stands_changes_nothing() {
    assert_eq!(read(EXAMPLE), Ok(Configuration::default()));
    let says = EXAMPLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert!(says.clone().all(|line| table(line).is_some()), "only tables: {:?}", says.collect::<Vec<_>>());
}

#[test]
fn the_example_has_every_key_and_the_page_too() {
    let keys = all_keys();
    assert!(keys.contains("runtime_dir.kind") && keys.contains("services.NAME.class"), "{keys:?}");
    assert_eq!(said_in_example().into_keys().collect::<BTreeSet<_>>(), keys, "packaging/broker.toml");
    assert_eq!(said_in_page().into_keys().collect::<BTreeSet<_>>(), keys, "broker.toml(5)");
}

#[test]
fn what_the_example_shows_are_the_defaults() {
    let is_default = |key: &str| !OPTIONAL.contains(&key) && !key.ends_with("NAME");
    let text = uncommented(is_default);
    assert_eq!(read(&text), Ok(Configuration::default()), "{text}");
}

#[test]
fn what_has_no_default_is_an_example_that_is_read() {
    let defaults = Configuration::default();
    let all = read(&uncommented(|_| true)).unwrap();
    assert!(all.runtime_dir.inodes != defaults.runtime_dir.inodes);
    assert!(all.seats != defaults.seats && all.services != defaults.services);
}

#[test]
fn the_page_has_the_same_defaults() {
    let page = said_in_page();
    for (key, value) in said_in_example() {
        if !OPTIONAL.contains(&key.as_str()) {
            assert_eq!(page.get(&key), Some(&value), "broker.toml(5) of {key}");
        }
    }
}

#[test]
fn examples_in_the_page_are_read() {
    let examples: Vec<String> = PAGE
        .split(".EX\n")
        .skip(1)
        .map(|rest| rest.split(".EE").next().unwrap().replace("\\(dq", "\"").replace("\\-", "-"))
        .collect();
    assert!(!examples.is_empty());
    for example in examples {
        assert!(read(&example).is_ok_and(|read| read != Configuration::default()), "{example}");
    }
}
