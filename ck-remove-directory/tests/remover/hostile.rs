//! Processes of the user's that work against the removal.

use crate::{
    privileges::stop_users_child,
    stage::{Outcome, Stage, as_user},
};
use nix::sys::signal::{Signal, kill};
use std::{
    process::Child,
    time::{Duration, Instant},
};

/// A process of the user's. It ends with the test.
pub(crate) struct Opponent(Child);

impl Opponent {
    pub(crate) fn start(script: &str, stage: &Stage) -> Self {
        let opponent = Self(as_user(script, &stage.run()).spawn().unwrap());
        std::thread::sleep(Duration::from_millis(100));
        opponent
    }
}

impl Drop for Opponent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn files_made_all_the_time_are_outrun() {
    let stage = Stage::new();
    let _opponent =
        Opponent::start("i=0; while :; do i=$((i+1)); mkdir -p d/e; : > d/e/$i; : > $i; done", &stage);
    let started = Instant::now();
    let outcome = stage.remove(&["--json", "--deadline=20"]);
    outcome.assert_silent_success();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    stage.assert_gone();
}

/// The directory of a new login takes the path of the directory that is being removed.
#[test]
fn another_directory_in_its_place_is_not_removed() {
    let stage = Stage::on_tmpfs();
    for number in 0..8_000 {
        stage.user_file(number.to_string());
    }
    let remover = stage.command(&[]).spawn().unwrap();
    let child = stop_users_child(&remover);
    std::fs::rename(stage.run(), stage.beside("retired")).unwrap();
    stage.user_directory("");
    kill(child, Signal::SIGCONT).unwrap();
    let outcome = Outcome::of(remover.wait_with_output().unwrap());
    let line = format!("ck-remove-directory: {}: Stale file handle (ESTALE)\n", stage.run().display());
    assert_eq!((outcome.code, outcome.stderr), (Some(1), line));
    assert!(stage.run().exists());
    assert_eq!(std::fs::read_dir(stage.beside("retired")).unwrap().count(), 0);
}

/// The user moves directories while a walk is deep in them. Nothing outside may be removed, wherever `..` leads.
#[test]
fn moving_directories_leads_nowhere() {
    let stage = Stage::new();
    for branch in ["a", "b"] {
        for level in (0..120).step_by(10) {
            stage.user_chain(&format!("{branch}/{}x", "d/".repeat(level)), 60);
        }
    }
    let moving = "while :; do for n in 1 20 40 60; do p=$(printf 'd/%.0s' $(seq $n)); \
                  mv a/${p}x b/${p}y; mv b/${p}d a/${p}z; mv a/z .; done; done";
    let _opponent = Opponent::start(moving, &stage);
    let outcome = stage.remove(&["--deadline=20"]);
    outcome.assert_silent_success();
    stage.assert_gone();
}
