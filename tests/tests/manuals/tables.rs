//! Tables in pages: what logins by a service become.

use std::collections::BTreeSet;

use crate::pages::{between, page, source, unescaped};

/// The services that `const NAME` lists.
fn listed<'t>(source: &'t str, name: &str) -> BTreeSet<&'t str> {
    let (_, list) = source.split_once(&format!("const {name}: ")).expect("the list");
    let (_, list) = list.split_once("= [").expect("its begin");
    list.split_once(']').expect("its end").0.split(',').map(|word| word.trim().trim_matches('"')).collect()
}

#[test]
fn services_have_the_defaults_of_the_table() {
    let source = source("ck-broker/src/registry/services.rs");
    let page = page("broker.toml");
    let table = unescaped(&page.part(".SS", "[services.NAME]").join("\n"));
    let of = |end: &str| -> BTreeSet<&str> {
        let rows = table.lines().filter_map(|line| line.strip_suffix(end));
        rows.flat_map(|row| row.split(", ")).collect()
    };
    assert_eq!(of("\tuser\tinner"), listed(&source, "WITHIN"));
    assert_eq!(of("\tbackground\town"), listed(&source, "WITHOUT_A_PERSON"));
    assert_eq!(of("\tuser\town"), ["all others"].into());
    assert_eq!(between(&table, "all others\t", '\n').len(), 1);
}
