//! What the command refuses: exit status 2, one line, nothing touched.

use crate::stage::{Outcome, Stage, USER, chmod, remover, through};
use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::Path,
};

fn call(arguments: &[&str]) -> Outcome {
    Outcome::of(remover().args(arguments).output().unwrap())
}

fn call_on(path: &Path) -> Outcome {
    Outcome::of(remover().arg("--uid=2001").arg("--dest").arg(path).output().unwrap())
}

/// A stage with a file that must not be removed.
fn stage_with_file() -> Stage {
    let stage = Stage::new();
    stage.user_file("precious");
    stage
}

fn assert_untouched(stage: &Stage) {
    assert!(stage.inside("precious").exists());
    stage.assert_canary();
}

#[test]
fn bad_arguments() {
    let stage = stage_with_file();
    let dest = format!("--dest={}", stage.run().display());
    call(&["--uid=0", &dest]).assert_refused("root");
    call(&["--uid=-1", &dest]).assert_refused("--uid=-1");
    call(&["--uid=4294967295", &dest]).assert_refused("not a user number");
    call(&["--uid=alice", &dest]).assert_refused("not a user number");
    call(&["--uid=\x1b[31m", &dest]).assert_refused(r"\u{1b}[31m");
    call(&[&dest]).assert_refused("--uid is missing");
    call(&["--uid=2001"]).assert_refused("--dest is missing");
    call(&["--uid=2001", &dest, "--deadline=0"]).assert_refused("--deadline");
    call(&["--uid=2001", &dest, "--nonsense"]).assert_refused("--nonsense");
    assert_untouched(&stage);
}

#[test]
fn paths_that_are_not_plain() {
    let stage = stage_with_file();
    call(&["--uid=2001", "--dest=/"]).assert_refused("root directory");
    call(&["--uid=2001", "--dest=run"]).assert_refused("absolute");
    call_on(&stage.run().join("..").join("run")).assert_refused("..");
    let dotted = format!("{}/./run", stage.beside("").display());
    call(&["--uid=2001", &format!("--dest={dotted}")]).assert_refused("component");
    assert_untouched(&stage);
}

#[test]
fn a_link_in_the_last_component() {
    let stage = stage_with_file();
    symlink(stage.run(), stage.beside("link")).unwrap();
    call_on(&stage.beside("link")).assert_refused("symbolic link");
    assert!(stage.beside("link").is_symlink());
    assert_untouched(&stage);
}

#[test]
fn a_way_that_others_can_bend() {
    let stage = stage_with_file();
    let theirs = stage.beside("theirs");
    fs::create_dir(&theirs).unwrap();
    fs::create_dir(theirs.join("dir")).unwrap();
    chown(theirs.join("dir"), Some(USER), Some(USER)).unwrap();

    chown(&theirs, Some(USER), Some(USER)).unwrap();
    call_on(&theirs.join("dir")).assert_refused("others than root");
    chown(&theirs, Some(0), Some(0)).unwrap();
    chmod(&theirs, 0o777);
    call_on(&theirs.join("dir")).assert_refused("others than root");
    chmod(&theirs, 0o1777);
    symlink(stage.beside(""), theirs.join("link")).unwrap();
    call_on(&theirs.join("link/run")).assert_refused("a link");
    call_on(&theirs.join("dir")).assert_silent_success();
    assert!(!theirs.join("dir").exists(), "a sticky directory of root's, like /tmp, may be on the way");
    assert_untouched(&stage);
}

#[test]
fn a_link_of_the_users_on_the_way() {
    let stage = stage_with_file();
    symlink(stage.beside(""), stage.beside("link")).unwrap();
    std::os::unix::fs::lchown(stage.beside("link"), Some(USER), Some(USER)).unwrap();
    call_on(&stage.beside("link/run")).assert_refused("a link");
    symlink("loop", stage.beside("loop")).unwrap();
    call_on(&stage.beside("loop/run")).assert_refused("too many links");
    assert_untouched(&stage);
}

#[test]
fn somebody_elses_directory_and_what_is_none() {
    let stage = stage_with_file();
    call_on(&stage.outside("")).assert_refused("owned by uid 0");
    chown(stage.run(), Some(2002), Some(2002)).unwrap();
    call_on(&stage.run()).assert_refused("owned by uid 2002");
    call_on(&stage.outside("canary")).assert_refused("not a directory");
    call_on(&stage.outside("canary/x")).assert_refused("not a directory");
    assert_untouched(&stage);
}

#[test]
fn a_descriptor_that_is_no_tmpfs_directory() {
    let stage = stage_with_file();
    stage.remove(&["--dest-fd=77"]).assert_refused("--dest-fd=77");
    stage.remove(&["--dest-fd=0"]).assert_refused("--dest-fd=0");
    let directory = fs::File::open(stage.run()).unwrap();
    let plain = Outcome::of(stage.command(&["--dest-fd=0"]).stdin(directory).output().unwrap());
    plain.assert_refused("tmpfs");
    assert_untouched(&stage);
}

#[test]
fn anybody_but_root() {
    let stage = stage_with_file();
    let user = ["setpriv", "--reuid=2001", "--regid=2001", "--clear-groups"];
    // The user may not be able to enter the build directory.
    let copy = stage.beside("remover");
    fs::copy(env!("CARGO_BIN_EXE_ck-remove-directory"), &copy).unwrap();
    let mut inner = std::process::Command::new(copy);
    inner.arg("--uid=2001").arg("--dest").arg(stage.run());
    Outcome::of(through(&user, &inner).output().unwrap()).assert_refused("started by root");
    assert_untouched(&stage);
}
