//! `--sweep`: mount points that are no longer needed.

use crate::{
    fuse::Server,
    mounted::{bind, mount_tmpfs},
    stage::{Outcome, Stage, USER, chmod, remover, through},
};
use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Makes a directory that is private to root.
fn retired(stage: &Stage) -> PathBuf {
    let path = stage.beside("retired");
    fs::create_dir(&path).unwrap();
    chmod(&path, 0o700);
    path
}

fn sweep(directory: &Path, more: &[&str]) -> Outcome {
    Outcome::of(remover().arg("--sweep").arg(directory).args(more).output().unwrap())
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_is_called_empty_goes_with_what_is_mounted_there() {
    let stage = Stage::with_private_mounts();
    let retired = retired(&stage);
    for name in ["empty-1", "empty-2", "empty-3", "2001-5", "empt", "an-empty-4"] {
        fs::create_dir(retired.join(name)).unwrap();
    }
    fs::write(retired.join("2001-5/file"), "").unwrap();
    // Any number of mounts may be stacked.
    for _ in 0..300 {
        mount_tmpfs(&retired.join("empty-2"));
    }
    fs::write(retired.join("empty-2/file"), "").unwrap();
    bind(&stage.outside(""), &retired.join("empty-3"));
    sweep(&retired, &["--nice=5", "--deadline=60"]).assert_silent_success();
    assert_eq!(names(&retired), ["2001-5", "an-empty-4", "empt"]);
    assert!(retired.join("2001-5/file").exists());
    stage.assert_canary();
    sweep(&retired, &[]).assert_silent_success();
}

#[test]
fn it_never_waits_for_what_is_mounted() {
    let stage = Stage::with_private_mounts();
    let retired = retired(&stage);
    fs::create_dir(retired.join("empty-1")).unwrap();
    let _server = Server::start(&stage, &retired.join("empty-1"));
    let started = Instant::now();
    sweep(&retired, &[]).assert_silent_success();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(names(&retired).is_empty());
}

#[test]
fn one_that_cannot_go_is_named_and_stops_no_other() {
    let stage = Stage::with_private_mounts();
    let retired = retired(&stage);
    for name in ["empty-1", "empty-2", "empty-5"] {
        fs::create_dir(retired.join(name)).unwrap();
    }
    fs::write(retired.join("empty-2/file"), "").unwrap();
    fs::write(retired.join("empty-3"), "").unwrap();
    symlink(stage.outside(""), retired.join("empty-4")).unwrap();
    let outcome = sweep(&retired, &[]);
    let line = |name: &str, why: &str| format!("ck-remove-directory: {}/{name}: {why}", retired.display());
    // A file can be a mount point too. A link is removed, and its target is not.
    let expected = line("empty-2", "Directory not empty (ENOTEMPTY)");
    assert_eq!((outcome.code, outcome.stderr.trim_end()), (Some(1), expected.as_str()));
    assert_eq!(names(&retired), ["empty-2"]);
    stage.assert_canary();

    mount_tmpfs(&stage.run());
    bind(&stage.run(), &{
        fs::create_dir(retired.join("empty-6")).unwrap();
        retired.join("empty-6")
    });
    let unable = ["setpriv", "--bounding-set=-sys_admin"];
    let mut command = remover();
    command.arg("--sweep").arg(&retired);
    let outcome = Outcome::of(through(&unable, &command).output().unwrap());
    assert!(outcome.stderr.contains(&line("empty-6", "Operation not permitted (EPERM)")), "{outcome:?}");
    assert_eq!(outcome.code, Some(1));
}

#[test]
fn a_directory_that_is_not_roots_alone_is_refused() {
    let stage = Stage::new();
    let retired = retired(&stage);
    fs::create_dir(retired.join("empty-1")).unwrap();
    chmod(&retired, 0o711);
    sweep(&retired, &[]).assert_refused("not root's alone");
    chmod(&retired, 0o700);
    chown(&retired, Some(USER), Some(0)).unwrap();
    sweep(&retired, &[]).assert_refused("not root's alone");
    chown(&retired, Some(0), Some(0)).unwrap();
    symlink(&retired, stage.beside("link")).unwrap();
    sweep(&stage.beside("link"), &[]).assert_refused("link");
    sweep(Path::new("retired"), &[]).assert_refused("absolute");
    sweep(&stage.beside("none"), &[]).assert_refused("No such file");
    sweep(&retired, &["--uid=2001"]).assert_refused("--sweep goes with");
    assert_eq!(names(&retired), ["empty-1"]);
}
