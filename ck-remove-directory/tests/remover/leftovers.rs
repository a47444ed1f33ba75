//! What cannot be removed is named with its errno, one line each. Everything else is gone.

use crate::stage::{Stage, USER, chmod, name};
use std::{fs, os::unix::fs::symlink};

#[test]
fn one_immutable_file_stays_and_nothing_else() {
    let mut stage = Stage::new();
    stage.user_directory("a/b");
    let stuck = stage.user_file("a/b/stuck");
    for other in ["a/b/before", "a/b/zafter", "a/other", "other"] {
        stage.user_file(other);
    }
    stage.make_immutable(&stuck);
    let outcome = stage.remove(&["--json"]);
    assert_eq!(outcome.code, Some(1));
    let line = format!("ck-remove-directory: {}: Operation not permitted (EPERM)\n", stuck.display());
    assert_eq!(outcome.stderr, line);
    let object = outcome.json();
    assert_eq!((&object["gone"], &object["removed"]), (&false.into(), &4.into()));
    assert_eq!(object["leftovers"][0]["path"], stuck.to_str().unwrap());
    assert_eq!(object["leftovers"][0]["errno"], "EPERM");
    assert_eq!(object["leftovers"][0]["message"], "Operation not permitted");
    let left: Vec<_> =
        fs::read_dir(stage.inside("a/b")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [stuck]);
    assert!(!stage.inside("other").exists() && !stage.inside("a/other").exists());
}

/// Two immutable files deep in the tree. One pass for each level would take for ever.
#[test]
fn what_stays_far_down_costs_one_line_and_no_time() {
    let mut stage = Stage::new();
    stage.user_chain("", 200);
    let mut stuck = Vec::new();
    for depth in [150, 199] {
        stuck.push(stage.user_file(format!("{}stuck", "d/".repeat(depth))));
        stage.user_chain(&format!("{}branch", "d/".repeat(depth)), 50);
    }
    for path in &stuck {
        stage.make_immutable(path);
    }
    let started = std::time::Instant::now();
    let outcome = stage.remove(&["--json"]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 2), "{outcome:?}");
    assert_eq!(outcome.json()["passes"], 2);
    // More are removed if deep directories are lifted out of those that stay.
    assert!(outcome.json()["removed"].as_u64() >= Some(103), "{outcome:?}");
    assert!(started.elapsed().as_secs() < 3, "{:?}", started.elapsed());
}

/// chattr +i on a directory: the directory and the names directly in it stay. Everything below these is removed.
#[test]
fn what_is_below_an_immutable_directory_goes() {
    let mut stage = Stage::new();
    stage.user_directory("fixed/sub/deep");
    stage.user_file("fixed/sub/file");
    let fixed = stage.inside("fixed");
    stage.make_immutable(&fixed);
    let outcome = stage.remove(&[]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.lines().any(|line| line.ends_with("/fixed/sub: Operation not permitted (EPERM)")));
    assert!(stage.inside("fixed/sub").exists());
    assert!(!stage.inside("fixed/sub/file").exists() && !stage.inside("fixed/sub/deep").exists());
}

/// A link is usually removed before anything could follow it. A link that cannot be removed must not be followed
/// either.
#[test]
fn a_link_that_stays_is_not_followed() {
    let mut stage = Stage::new();
    let fixed = stage.user_directory("fixed");
    symlink(stage.outside(""), stage.inside("fixed/link")).unwrap();
    stage.make_immutable(&fixed);
    let outcome = stage.remove(&[]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 2), "{outcome:?}");
    assert!(outcome.stderr.contains("/fixed/link: Operation not permitted (EPERM)"), "{outcome:?}");
    stage.assert_canary();
}

#[test]
fn the_directory_itself_is_named_when_it_is_what_stays() {
    let mut stage = Stage::new();
    stage.user_file("file");
    let parent = stage.beside("");
    stage.make_immutable(&parent);
    let outcome = stage.remove(&[]);
    assert_eq!(outcome.code, Some(1));
    let line = format!("ck-remove-directory: {}: Operation not permitted (EPERM)\n", stage.run().display());
    assert_eq!(outcome.stderr, line);
    assert!(!stage.inside("file").exists());
}

#[test]
fn strange_names_stay_on_one_line() {
    let mut stage = Stage::new();
    for bytes in [b"new\nline".as_slice(), b"\x1b[31mred", b"\xff\xfe"] {
        let path = stage.user_file(name(bytes));
        stage.make_immutable(&path);
    }
    let outcome = stage.remove(&["--json"]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 3), "{outcome:?}");
    for shown in [r"new\nline:", r"\u{1b}[31mred:", r"\xff\xfe:"] {
        assert!(outcome.stderr.contains(shown), "{shown} in {outcome:?}");
    }
    assert!(outcome.stderr.chars().all(|character| character == '\n' || !character.is_control()));
    assert_eq!(outcome.json()["leftovers"].as_array().unwrap().len(), 3);
}

#[test]
fn beyond_a_hundred_they_are_counted() {
    let mut stage = Stage::new();
    for number in 0..105 {
        let path = stage.user_file(format!("stuck{number}"));
        stage.make_immutable(&path);
    }
    let outcome = stage.remove(&["--json"]);
    assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 101));
    assert!(outcome.stderr.contains("5 more"), "{outcome:?}");
    assert_eq!(outcome.json()["leftovers"].as_array().unwrap().len(), 100);
    assert_eq!(outcome.json()["leftovers_not_named"], 5);
}

/// Neither missing permissions nor another owner keep a directory from being removed.
#[test]
fn another_users_directory_inside_goes() {
    let stage = Stage::new();
    let other = stage.user_directory("other");
    fs::write(other.join("file"), "x").unwrap();
    std::os::unix::fs::chown(&other, Some(USER + 1), Some(USER + 1)).unwrap();
    chmod(&other, 0o500);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}
