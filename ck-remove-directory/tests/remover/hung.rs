//! A file system that does not answer, mounted in the directory and on it.

use crate::{
    fuse::Server,
    held::assert_left_behind,
    mounted::handle,
    stage::{Outcome, Stage},
};
use nix::mount::{MntFlags, umount2};
use std::time::{Duration, Instant};

#[test]
fn inside_it_is_detached() {
    let stage = Stage::with_private_mounts();
    let _server = Server::start(&stage, &stage.user_directory("gvfs"));
    stage.user_file("other");
    let started = Instant::now();
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(outcome.json()["mounts_detached"], 1);
    stage.assert_gone();
}

#[test]
fn on_the_directory_it_is_told_in_time() {
    let stage = Stage::with_private_mounts();
    let server = Server::start(&stage, &stage.run());
    let started = Instant::now();
    assert_left_behind(&stage.remove(&["--json"]), &stage);
    let stdin = handle(&stage.run());
    let given = Outcome::of(stage.command(&["--dest-fd=0", "--json"]).stdin(stdin).output().unwrap());
    assert_left_behind(&given, &stage);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    drop(server);
    umount2(&stage.run(), MntFlags::MNT_DETACH).unwrap();
    stage.remove(&[]).assert_silent_success();
}
