//! Tables in pages: what logins by a service become, and limits.

use std::collections::BTreeSet;

use ck_protocol::limits;

use super::pages::{between, page, source, unescaped};

/// The services that `const NAME` lists.
fn listed<'t>(source: &'t str, name: &str) -> BTreeSet<&'t str> {
    let (_, list) = source.split_once(&format!("const {name}: ")).expect("the list");
    let (_, list) = list.split_once("= [").expect("its begin");
    list.split_once(']').expect("its end").0.split(',').map(|word| word.trim().trim_matches('"')).collect()
}

#[test]
fn services_have_the_defaults_of_the_table() {
    let source = source("ck-core/src/model/services.rs");
    let page = page("broker.toml");
    let table = unescaped(&page.part(".SS", "[services.NAME]").join("\n"));
    let of = |end: &str| -> BTreeSet<&str> {
        let rows = table.lines().filter_map(|line| line.strip_suffix(end));
        rows.flat_map(|row| row.split(", ")).collect()
    };
    assert_eq!(of("\tuser\tinner"), listed(&source, "INNER"));
    assert_eq!(of("\tbackground\town"), listed(&source, "BACKGROUND"));
    assert_eq!(of("\tuser\town"), ["all others"].into());
    assert_eq!(between(&table, "all others\t", '\n').len(), 1);
}

/// The value of `const NAME`, as the source has it.
fn constant(source: &str, name: &str) -> String {
    let (_, rest) = source.split_once(&format!("const {name}: ")).unwrap_or_else(|| panic!("no {name}"));
    let (_, value) = rest.split_once(" = ").expect("a value");
    value.split(';').next().unwrap_or_default().replace('_', "")
}

#[test]
fn limits_of_the_protocol_are_those_of_the_broker() {
    let source = source("ck-broker/src/limits.rs");
    let of = |name| constant(&source, name);
    let rates = self::source("ck-broker/src/net/rates.rs");
    let page = page("ck-broker-ipc");
    let part = unescaped(&page.part(".SS", "Limits").join("\n")).replace(',', "");
    let (admin, part_of) = (of("ADMIN_CONNECTIONS"), of("SUBSCRIBERS_PART"));
    let subscribers = admin.parse::<usize>().unwrap() / part_of.parse::<usize>().unwrap();
    for row in [
        format!("connections on session.sock\t{}", of("SESSION_CONNECTIONS")),
        format!(
            "connections on admin.sock\t{admin} and {admin} of root\t{}",
            of("ADMIN_CONNECTIONS_PER_UID")
        ),
        format!("connections and requests there\t\t{} a second", constant(&rates, "RATE")),
        format!("subscribers\t{subscribers} and {subscribers} of root\t{}", of("SUBSCRIBERS_PER_UID")),
        format!("sessions\t{}\ta quarter", of("SESSIONS")),
        format!("users who linger\t{}", of("LINGERERS")),
    ] {
        assert!(part.lines().any(|line| line == row), "no row {row}: {part}");
    }
    assert!(part.contains(&format!("After a pause {} connections", constant(&rates, "BURST"))), "{part}");
}

#[test]
fn texts_have_the_limits_of_the_page() {
    let page = page("ck-broker-ipc");
    let part = page.part(".SS", "Types").join("\n");
    for (name, limit) in [
        ("HostName", limits::HOST_NAME),
        ("ShortName", limits::SHORT_NAME),
        ("PathText", limits::PATH),
        ("Message", limits::MESSAGE),
    ] {
        let line = format!("{name:15}text of at most {limit} bytes");
        assert!(part.lines().any(|shown| shown == line), "no line {line}: {part}");
    }
    let name = format!("{:15}at most {} bytes,", "UserName", limits::USER_NAME);
    assert!(part.lines().any(|shown| shown.starts_with(&name)), "no line {name}: {part}");
}
