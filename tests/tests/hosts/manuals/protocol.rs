//! The protocol: `ck-broker-ipc(7)` has every request, reply, event and record as the source has it, with the
//! numbers that variants have on the wire, and the types of fields.

use std::collections::BTreeMap;

use super::pages::{page, source, unescaped};

const FILES: [&str; 10] =
    ["end_cause", "event", "fact", "reply", "request", "seat", "session", "status", "teardown", "user"];

/// What is in each type, a line each: `NUMBER NAME CONTENT` of a choice, `NAME TYPE` of a record.
type Types = BTreeMap<String, Vec<String>>;

/// The type as the page spells it.
fn spelt(rust: &str) -> String {
    match rust.split_once('<') {
        Some(("Option", rest)) => format!("optional {}", spelt(rest.trim_end_matches('>'))),
        Some(("Vec", rest)) => format!("list of {}", spelt(rest.trim_end_matches('>'))),
        Some(("Box", rest)) => spelt(rest.trim_end_matches('>')),
        _ => rust.to_owned(),
    }
}

/// Reads the types that a source file declares. It relies on rustfmt: an item ends with a `}` at the start of a line.
fn declared(text: &str, types: &mut Types) {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let item: Vec<&str> = lines.clone().take_while(|line| *line != "}").collect();
        let head = line.split([' ', '{']).collect::<Vec<_>>();
        let (name, content) = match head[..] {
            ["pub", "struct", name, ..] if line.ends_with('{') => (name, fields(&item, "    pub ")),
            ["pub", "enum", name, ..] => (name, variants(&item)),
            ["named!", ..] => (item[1].trim().split(',').next().unwrap_or_default(), words(&item)),
            _ => continue,
        };
        types.insert(name.to_owned(), content);
        lines.nth(item.len());
    }
}

fn fields(item: &[&str], before: &str) -> Vec<String> {
    let fields =
        item.iter().filter_map(|line| line.strip_prefix(before)?.strip_suffix(',')?.split_once(": "));
    fields.map(|(name, rust)| format!("{name} {}", spelt(rust))).collect()
}

fn variants(item: &[&str]) -> Vec<String> {
    let starts = |line: &str| line.strip_prefix("    ").is_some_and(|l| l.starts_with(char::is_uppercase));
    let places = item.iter().enumerate().filter(|(_, line)| starts(line)).map(|(place, _)| place);
    let variant = |(number, place): (usize, usize)| {
        let line = item[place].trim().trim_end_matches(',');
        let content = match (line.split_once('('), line.strip_suffix(" {")) {
            (Some((name, rust)), _) => format!("{name} {}", spelt(rust.trim_end_matches(')'))),
            (None, Some(name)) => {
                let rest: Vec<&str> = item[place..].iter().take_while(|l| **l != "    },").copied().collect();
                let fields: Vec<String> =
                    fields(&rest, "        ").into_iter().filter(|field| !field.starts_with("//")).collect();
                format!("{name} {}", fields.join(", "))
            }
            (None, None) => line.to_owned(),
        };
        format!("{number} {content}")
    };
    places.enumerate().map(variant).collect()
}

/// The words of an enum whose values have a name each.
fn words(item: &[&str]) -> Vec<String> {
    let words = item.iter().filter_map(|line| line.split_once(" = \"")?.1.split('"').next());
    words.enumerate().map(|(number, word)| format!("{number} {word}")).collect()
}

/// What the page shows: in its displays, a type at the start of a line and its content below, indented.
fn documented() -> Types {
    let (mut types, mut name, mut shows) = (Types::new(), None::<String>, false);
    for line in page("ck-broker-ipc").part(".SH", "DESCRIPTION") {
        match line {
            ".EX" => shows = true,
            ".EE" => (shows, name) = (false, None),
            "" => name = None,
            _ if !shows => {}
            _ => match (unescaped(line).strip_prefix("    "), &name) {
                (Some(content), Some(name)) => {
                    let content = content.split_whitespace().collect::<Vec<_>>().join(" ");
                    types.entry(name.clone()).or_default().push(content);
                }
                // Types without content are a list of their own.
                _ if line.contains(' ') => {}
                _ => name = Some(line.to_owned()),
            },
        }
        if let Some(name) = &name {
            types.entry(name.clone()).or_default();
        }
    }
    types
}

#[test]
fn the_page_has_the_protocol_as_it_is() {
    let mut types = Types::new();
    for file in FILES {
        declared(&source(&format!("ck-protocol/src/{file}.rs")), &mut types);
    }
    assert!(types["AdminRequest"].contains(&"12 Linger Linger".to_owned()), "{types:#?}");
    assert!(
        types["Event"].contains(&"8 LockRequested id SessionId, uid Uid, user optional UserName".to_owned()),
        "{types:#?}"
    );
    let documented = documented();
    let names = |types: &Types| types.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&documented), names(&types));
    for (name, content) in &types {
        assert_eq!(&documented[name], content, "ck-broker-ipc(7): {name}");
    }
}
