//! The recipes of the documents for users: what is in them to be typed is typed on a host, or it is said here why not.

mod documents;
mod last;
mod typed;

use std::fs;
use std::path::PathBuf;

pub(crate) use documents::recipe;
use documents::{DOCUMENTS, recipes};

/// The recipes that a test types: document, how the recipe begins, and the test.
const TYPED: [(&str, &str, &str); 24] = [
    ("README.md", "make deb", "the_package"),
    ("INSTALL.md", "make deb", "the_package"),
    ("INSTALL.md", "ckctl doctor", "the_package"),
    ("INSTALL.md", "make install", "what_is_installed_is_what_is_uninstalled"),
    ("INSTALL.md", "pam-auth-update --enable", "pam"),
    ("INSTALL.md", "session optional", "pam"),
    ("INSTALL.md", "ckctl linger on builder", "a_service_that_runs_containers"),
    ("INSTALL.md", "cd /home/builder", "a_service_that_runs_containers"),
    ("INSTALL.md", "apt install wtmpdb", "last_of_debian_13"),
    ("MOVING.md", "systemctl mask", "from_logind"),
    ("MOVING.md", "for file in", "who_lingers_with_logind_is_taken_over_whatever_the_name"),
    ("MOVING.md", "ckctl linger on alice", "lingering"),
    ("TROUBLESHOOTING.md", "ckctl doctor", "where_to_look"),
    ("TROUBLESHOOTING.md", "grep 'pam_ck('", "where_to_look"),
    ("TROUBLESHOOTING.md", "pam-auth-update --disable", "taking_the_module_out"),
    ("TROUBLESHOOTING.md", "sed -i", "taking_the_module_out"),
    ("TROUBLESHOOTING.md", "ckctl users", "where_to_look"),
    ("TROUBLESHOOTING.md", "# ckctl teardown list", "a_teardown_that_cannot_be_done"),
    ("TROUBLESHOOTING.md", "# chattr -i", "a_teardown_that_cannot_be_done"),
    ("HOOKS.md", "#!/bin/sh", "a_hook"),
    ("HOOKS.md", "env -i", "a_hook"),
    ("HOOKS.md", "install -m", "a_hook"),
    ("SESSIONS.md", "ckctl linger on", "lingering"),
    ("MONITORING.md", "* * * * * root", "the_metrics_reach_a_server_as_the_document_says"),
];

/// The others, and why no test types them.
const NOT_TYPED: [(&str, &str, &str); 2] = [
    ("README.md", "make demo", "builds and runs this very program, and takes all of its time"),
    (
        "MOVING.md",
        "apt install",
        "no host has both an init system and elogind, and none has a network to get it from",
    ),
];

#[test]
fn every_recipe_is_typed_or_it_is_said_why_not() {
    let listed: Vec<(&str, &str)> =
        TYPED.iter().chain(&NOT_TYPED).map(|(d, begin, _)| (*d, *begin)).collect();
    let mut used = vec![0; listed.len()];
    for document in DOCUMENTS {
        for recipe in recipes(document) {
            let mut lists =
                (0..listed.len()).filter(|i| listed[*i].0 == document && recipe.starts_with(listed[*i].1));
            let Some(entry) = lists.next() else {
                panic!("{document}: type this in a test, and name it in {}:\n{recipe}", file!());
            };
            assert!(lists.next().is_none(), "{document}: two entries for\n{recipe}");
            used[entry] += 1;
        }
    }
    for (entry, count) in listed.iter().zip(used) {
        assert_eq!(count, 1, "{entry:?} is no longer the beginning of one recipe");
    }
}

#[test]
fn every_test_that_types_a_recipe_exists() {
    let mut waiting = vec![PathBuf::from(concat!(env!("CK_ROOT"), "tests/tests/hosts"))];
    let mut sources = String::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                sources += &fs::read_to_string(&path).expect("a source");
            }
        }
    }
    for (_, _, test) in TYPED {
        assert!(sources.contains(&format!("#[test]\nfn {test}() {{")), "no {test}");
    }
}
