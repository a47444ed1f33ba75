//! Directories whose lock is held: what has to wait for it, waits for as long as the user likes, and not even SIGKILL
//! ends it.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::fuse::Server;
use crate::holder::Holder;
use crate::privileges::{field, stop_worker};
use crate::stage::{Outcome, Stage, through};

/// How long the command may take that meets such a directory: a second until the child is killed, one until it is
/// left behind, for each of two children.
const LIMIT: Duration = Duration::from_secs(6);

/// A directory of the user's, with something in it, whose lock is held while there is the server.
struct Held {
    stage: Stage,
    server: Server,
    // Ends after the server only, so that the server is to be dropped first: it is bound last.
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

/// Exit 3, one line, and the same child in the object: it is still there, in a wait that cannot be interrupted.
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

/// The user stops the child that would hang in root's place.
#[test]
fn a_child_of_roots_that_hangs_is_left_behind_too() {
    let Held { stage, _holder, server } = hold("sub");
    for number in 0..2_000 {
        stage.user_file(number.to_string());
    }
    let started = Instant::now();
    let remover = stage.command(&["--json"]).spawn().unwrap();
    let worker = stop_worker(&remover);
    let outcome = finish(remover, started);
    let child = assert_left_behind(&outcome, &stage);
    assert_eq!(field(child, "Uid")[0], "0");
    assert_ne!(child, worker.as_raw());
    drop(server);
    assert_ends(child);
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

/// The directory itself, in a directory that others can read: its name is never waited for.
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

/// Whoever started the command can end it at any time: the process that hangs is another one.
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

/// A user who stops the child time and again, starves it, or pins it to a processor that is busy: it makes progress,
/// but most of the time it waits. Root goes on before the user's share of the time is over.
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
