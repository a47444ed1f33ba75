//! Directories whose lock is held. A process that needs the lock waits for as long as the user wants, and SIGKILL
//! does not end it.

use crate::{
    fuse::Server,
    holder::Holder,
    privileges::{field, stop_users_child},
    stage::{Outcome, Stage, through},
};
use std::{
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

/// The time that the command may take with such a directory: for each of two children, a second until it is killed,
/// and a second until it is left behind.
const LIMIT: Duration = Duration::from_secs(6);

/// A directory of the user's that is not empty. Its lock is held as long as the server runs.
struct Held {
    stage: Stage,
    server: Server,
    // It ends only after the server has ended. The tests bind the server last, so that it is dropped first.
    _holder: Holder,
}

fn hold(name: &str) -> Held {
    let stage = Stage::with_private_mounts();
    let fuse = stage.beside("held");
    std::fs::create_dir(&fuse).unwrap();
    let server = Server::start(&stage, &fuse);
    stage.user_directory(name);
    stage.user_file(Path::new(name).join("file"));
    let holder = Holder::start(&stage.inside(name), &fuse);
    Held { stage, server, _holder: holder }
}

/// Asserts exit status 3, one line, and the same child in the JSON object. The child must still be in an
/// uninterruptible wait.
pub(crate) fn assert_left_behind(outcome: &Outcome, stage: &Stage) -> i32 {
    let child = outcome.json()["abandoned"].as_i64().unwrap_or_else(|| panic!("{outcome:?}"));
    let path = stage.run();
    let line = format!(
        "ck-remove-directory: {}: child {child} hangs in the kernel and is left behind\n",
        path.display()
    );
    assert_eq!((outcome.code, &outcome.stderr), (Some(3), &line));
    let child = child.try_into().unwrap();
    assert_eq!(field(child, "State")[0], "D");
    child
}

fn assert_ends(child: i32) {
    let until = Instant::now() + Duration::from_secs(5);
    while !matches!(field(child, "State").first().map(String::as_str), None | Some("Z")) {
        assert!(Instant::now() < until, "the child is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn finish(remover: Child, started: Instant) -> Outcome {
    let outcome = Outcome::of(remover.wait_with_output().unwrap());
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
    outcome
}

#[test]
fn a_child_of_the_users_that_hangs_is_left_behind() {
    let Held { stage, _holder, server } = hold("sub");
    let started = Instant::now();
    let outcome = finish(stage.command(&["--json"]).spawn().unwrap(), started);
    let child = assert_left_behind(&outcome, &stage);
    assert_eq!(field(child, "Uid")[0], "2001");
    drop(server);
    assert_ends(child);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

/// The user stops their own child, which would hang, so that root's child hangs instead.
#[test]
fn a_child_of_roots_that_hangs_is_left_behind_too() {
    let Held { stage, _holder, server } = hold("sub");
    for number in 0..2_000 {
        stage.user_file(number.to_string());
    }
    let started = Instant::now();
    let remover = stage.command(&["--json"]).spawn().unwrap();
    let users_child = stop_users_child(&remover);
    let outcome = finish(remover, started);
    let child = assert_left_behind(&outcome, &stage);
    assert_eq!(field(child, "Uid")[0], "0");
    assert_ne!(child, users_child.as_raw());
    drop(server);
    assert_ends(child);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

/// The lock of the directory itself is held, in a parent directory that others can read. The look-up of its name
/// never waits.
#[test]
fn the_directory_itself_can_be_held() {
    let Held { stage, _holder, server } = hold("");
    let started = Instant::now();
    let outcome = finish(stage.command(&["--json"]).spawn().unwrap(), started);
    let child = assert_left_behind(&outcome, &stage);
    drop(server);
    assert_ends(child);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

/// The caller can end the command at any time, because another process hangs.
#[test]
fn a_command_whose_child_hangs_can_be_killed() {
    let Held { stage, _holder, server: _server } = hold("sub");
    let mut remover = stage.command(&[]).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    remover.kill().unwrap();
    remover.wait().unwrap();
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

/// The user stops the child repeatedly, starves it, or pins it to a busy processor. The child makes progress, but
/// waits most of the time. Root continues before the user's share of the time is over.
#[test]
fn a_child_that_mostly_waits_does_not_go_on_for_long() {
    let stage = Stage::on_tmpfs();
    for number in 0..80 {
        stage.user_file(number.to_string());
    }
    let slow = ["strace", "-f", "-qq", "-o/dev/null", "-e", "inject=unlinkat:delay_exit=100000"];
    let outcome = Outcome::of(through(&slow, &stage.command(&["--json"])).output().unwrap());
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["passes"], 2, "{outcome:?}");
    stage.assert_gone();
}
