//! Documents name files and manual pages of the project: each of them must be there.

use std::path::{Path, PathBuf};

const PROJECT: &str = env!("CK_ROOT");

fn documents() -> Vec<PathBuf> {
    let in_folder = |folder: &str| {
        let entries = std::fs::read_dir(Path::new(PROJECT).join(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>()
    };
    let all = [".", "docs", "docs/decisions", "tests/host", "tests/vm"].into_iter().flat_map(in_folder);
    all.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// What the text links to, and what it names in backquotes as a document: `docs/THREATS.md`.
fn named(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let quoted = text.split('`').skip(1).step_by(2);
    let documents = quoted.filter(|word| word.ends_with(".md") && !word.contains([' ', '*']));
    linked.map(|(target, _)| (true, target)).chain(documents.map(|word| (false, word)))
}

/// The anchor that a heading has: lower case, hyphens for spaces, no punctuation.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
    let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
    headings
        .map(|heading| {
            heading.trim_start_matches('#').trim().to_lowercase().chars().filter(kept).collect::<String>()
        })
        .map(|heading| heading.replace(' ', "-"))
        .collect()
}

#[test]
fn every_file_that_is_named_exists() {
    let documents = documents();
    assert!(documents.len() > 10, "{documents:?}");
    for document in documents {
        let text = std::fs::read_to_string(&document).expect("a document");
        let folder = document.parent().expect("a folder");
        for (is_link, target) in named(&text).filter(|(_, target)| !target.starts_with("http")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            // A link is relative to its document; what is only named is so to the project, or to where it is named.
            let places = [folder.join(file), Path::new(PROJECT).join(file)];
            let found = if is_link { places[0].exists() } else { places.iter().any(|place| place.exists()) };
            assert!(found, "{}: there is no {target}", document.display());
            let known =
                !file.is_empty() || anchor.is_empty() || anchors(&text).iter().any(|known| known == anchor);
            assert!(known, "{}: there is no heading for #{anchor}", document.display());
        }
    }
}

/// Manual pages of ours that the text names in backquotes, such as `pam_ck(8)`, by name and section.
fn pages(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = text.split('`').skip(1).step_by(2).filter_map(|word| word.strip_suffix(')'));
    let pages = quoted.filter_map(|word| word.split_once('('));
    pages.filter(|(name, _)| name.starts_with("ck") || *name == "pam_ck" || *name == "broker.toml")
}

#[test]
fn every_manual_page_that_is_named_exists() {
    let mut count = 0;
    for document in documents() {
        let text = std::fs::read_to_string(&document).expect("a document");
        for (name, section) in pages(&text) {
            let folder = if name.starts_with("ckctl") { "ckctl".to_owned() } else { format!("man{section}") };
            let page = Path::new(PROJECT).join(format!("packaging/man/{folder}/{name}.{section}"));
            assert!(page.exists(), "{}: there is no page {name}({section})", document.display());
            count += 1;
        }
    }
    assert!(count > 5, "{count} are named");
}
