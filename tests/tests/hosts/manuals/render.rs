//! Pages render without a warning, and refer to pages that exist.

use std::process::Command;

use super::pages::{Page, all, unescaped};

/// As man-pages(7) orders them; sections of our own come where their kind would.
const ORDER: [&str; 12] = [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "OPTIONS",
    "EXIT STATUS",
    "RETURN VALUES",
    "SIGNALS",
    "ENVIRONMENT",
    "FILES",
    "NOTES",
    "EXAMPLES",
    "SEE ALSO",
];

/// Runs a program that is to complain about nothing.
fn silent(words: &[&str], page: &Page) {
    let output = Command::new(words[0]).args(&words[1..]).arg(&page.path).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}: tests/setup installs it", words[0]));
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", words[0]);
}

#[test]
fn pages_render_without_warnings() {
    for page in all() {
        silent(&["mandoc", "-T", "lint", "-W", "warning"], &page);
        silent(&["groff", "-t", "-man", "-T", "utf8", "-ww", "-z"], &page);
    }
}

#[test]
fn heads_name_the_page_and_this_version() {
    for Page { name, section, text, .. } in all() {
        let head = text.lines().find_map(|line| line.strip_prefix(".TH ")).expect("a .TH");
        let start = format!("{} {section} ", name.to_uppercase());
        let head = unescaped(head);
        let rest = head.strip_prefix(&start).unwrap_or_else(|| panic!("{name}: {head}"));
        let (date, rest) = rest.split_once(' ').expect("a date and a source");
        let is_date = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        assert!(is_date, "{name}: {date}");
        let version = concat!("\"ck ", env!("CARGO_PKG_VERSION"), "\" ");
        assert!(rest.starts_with(version), "{name}: {rest} is not of {version}");
    }
}

#[test]
fn sections_are_in_order() {
    for page in all().into_iter().filter(|page| !page.name.starts_with("ckctl")) {
        let headings = page.headings();
        let places: Vec<_> =
            headings.iter().map(|heading| ORDER.iter().position(|known| known == heading)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{}: {headings:?}", page.name);
        assert_eq!(headings.last().map(String::as_str), Some("SEE ALSO"), "{}", page.name);
    }
}

#[test]
fn pages_that_are_referred_to_exist() {
    let pages = all();
    let exists =
        |name: &str, section: &str| pages.iter().any(|page| page.name == name && page.section == section);
    for Page { name, text, .. } in &pages {
        let references = text.lines().filter_map(|line| unescaped(line.strip_prefix(".BR ")?).into());
        for reference in references {
            let Some((to, rest)) = reference.split_once(" (") else { continue };
            let Some((section, _)) = rest.split_once(')') else { continue };
            let is_ours = to.starts_with("ck") || ["pam_ck", "broker.toml"].contains(&to);
            assert!(!is_ours || exists(to, section), "{name}: no page {to}({section})");
        }
        assert!(text.contains(".SH \"SEE ALSO\"") || text.contains(".SH SEE ALSO"), "{name}");
    }
}
