//! Directories that are moved out of the tree, and back, while the remover is in them.

use crate::{
    hostile::Opponent,
    privileges::{roots_child, stop_in, stop_users_child_in},
    stage::{Outcome, Stage, USER, chmod},
    tree::{self, own},
};
use nix::sys::signal::{Signal, kill};
use rustix::fs::{Mode, OFlags, mkdirat, open, openat};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The child has a descriptor of a directory that is now outside. Landlock denies every change in it.
#[test]
fn what_was_moved_outside_stays_as_it_is() {
    let stage = Stage::on_tmpfs();
    own(&stage.outside(""), USER);
    stage.user_chain("", 20);
    let bottom = "d/".repeat(20);
    for number in 0..2_000 {
        stage.user_file(format!("{bottom}{number}"));
    }
    let remover = stage.command(&["--json"]).spawn().unwrap();
    let child = stop_users_child_in(&remover, &stage.inside(bottom.trim_end_matches('/')));
    fs::rename(stage.inside("d/".repeat(10)), stage.outside("moved")).unwrap();
    let before = tree::read(&stage.outside(""));
    assert!(before.len() > 100, "the child was in the middle of its work");
    kill(child, Signal::SIGCONT).unwrap();
    let outcome = Outcome::of(remover.wait_with_output().unwrap());
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["confined"], true);
    assert!(tree::read(&stage.outside("")) == before, "outside nothing is changed");
    stage.assert_gone();
}

/// The pass of root is not confined. From a directory that was moved away, `..` leads to its new place. Root does not
/// go there.
#[test]
fn a_directory_moved_outside_does_not_take_roots_walk_along() {
    let stage = Stage::on_tmpfs();
    // This would be removed: it has the name that the walk would look for.
    fs::create_dir(stage.outside("d")).unwrap();
    let mut at = open(stage.run(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    for _ in 0..200 {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
    let bottom = stage.inside(["d"; 200].join("/"));
    for number in 0..8_000 {
        fs::write(bottom.join(number.to_string()), "").unwrap();
    }
    let remover = stage.command(&[]).spawn().unwrap();
    let root = roots_child(&remover);
    stop_in(root, &bottom);
    fs::rename(stage.inside("d/".repeat(100)), stage.outside("moved")).unwrap();
    kill(root, Signal::SIGCONT).unwrap();
    Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
    assert!(stage.outside("moved").exists() && stage.outside("d").exists());
    assert!(!stage.outside("moved/d").exists(), "the walk was below it before it was moved");
    stage.assert_gone();
}

/// A subtree is moved out and back all the time. Other files of the user and of root lie beside it.
#[test]
fn a_subtree_that_goes_out_and_back_takes_nothing_along() {
    let stage = Stage::on_tmpfs();
    own(&stage.outside(""), USER);
    tree::plant(&stage.outside("mine"), USER);
    tree::plant(&stage.outside("roots"), 0);
    chmod(&stage.outside("roots"), 0o777);
    let before = (tree::read(&stage.outside("mine")), tree::read(&stage.outside("roots")));
    let moving = "while :; do mv a/b ../outside/; mv ../outside/b/c/d ../outside/; mv ../outside/d a/; \
                  mv ../outside/b a/; mkdir -p a/b/c/d/e; : > a/b/c/d/e/file; done";
    for _ in 0..10 {
        stage.user_directory("a");
        stage.user_chain("a/b/c/d", 60);
        for number in 0..500 {
            stage.user_file(format!("a/b/c/d/{number}"));
        }
        let opponent = Opponent::start(moving, &stage);
        let started = Instant::now();
        let outcome = stage.remove(&["--deadline=3"]);
        assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
        assert!(matches!(outcome.code, Some(0 | 1 | 4)), "{outcome:?}");
        drop(opponent);
    }
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
    assert!((tree::read(&stage.outside("mine")), tree::read(&stage.outside("roots"))) == before);
}
