//! Directories that stay: their owner gets them back as they were.

use crate::{
    mounted::mount_tmpfs,
    stage::{Outcome, Stage, USER, chmod, through},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
};

/// Owner, group and permissions.
fn of(path: &Path) -> (u32, u32, u32) {
    let status = fs::symlink_metadata(path).unwrap();
    (status.uid(), status.gid(), status.mode() & 0o7777)
}

/// A directory in the user's runtime directory.
fn directory(stage: &Stage, name: &str, uid: u32, gid: u32, mode: u32) {
    stage.user_directory(name);
    chown(stage.inside(name), Some(uid), Some(gid)).unwrap();
    chmod(&stage.inside(name), mode);
}

#[test]
fn what_stays_is_as_it_was() {
    let mut stage = Stage::new();
    directory(&stage, "theirs", USER + 1, USER + 1, 0o777);
    directory(&stage, "open", USER, USER + 7, 0o2770);
    directory(&stage, "open/read", USER, USER, 0o755);
    directory(&stage, "roots", 0, 0, 0o1777);
    for name in ["theirs", "open/read", "roots"] {
        let path = stage.user_file(Path::new(name).join("stuck"));
        stage.user_file(Path::new(name).join("other"));
        stage.make_immutable(&path);
    }
    directory(&stage, "", USER, USER + 7, 0o2750);
    let names = ["", "theirs", "open", "open/read", "roots"];
    let before = names.map(|name| of(&stage.inside(name)));
    // The second time without CAP_FSETID and CAP_FOWNER, as the broker starts the remover.
    let few = ["setpriv", "--bounding-set=-fsetid,-fowner"];
    for words in [&[][..], &few] {
        let command = stage.command(&[]);
        let mut command = if words.is_empty() { command } else { through(words, &command) };
        let outcome = Outcome::of(command.output().unwrap());
        assert_eq!((outcome.code, outcome.stderr.lines().count()), (Some(1), 3), "{outcome:?}");
        assert_eq!(names.map(|name| of(&stage.inside(name))), before);
    }
    assert!(!stage.inside("open/read/other").exists());
}

/// Every call of root's pass is slow, so the pass reaches its deadline deep in the tree.
#[test]
fn what_there_was_no_time_for_is_as_it_was() {
    let stage = Stage::on_tmpfs();
    let bottom = ["d"; 20].join("/");
    stage.user_chain("", 20);
    let roots = stage.inside(&bottom).join("roots");
    fs::create_dir(&roots).unwrap();
    for number in 0..1_000 {
        fs::write(roots.join(number.to_string()), "").unwrap();
    }
    for depth in 1..=20 {
        chmod(&stage.inside(["d"; 20][..depth].join("/")), if depth == 2 { 0o751 } else { 0o755 });
    }
    chmod(&stage.run(), 0o710);
    let slow = ["strace", "-f", "-qq", "-o/dev/null", "-e", "inject=unlinkat:delay_exit=10000"];
    let outcome = Outcome::of(through(&slow, &stage.command(&["--deadline=2"])).output().unwrap());
    // Another run will get further.
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let mut path = stage.run();
    for depth in 0..=20 {
        let mode = match depth {
            0 => 0o710,
            2 => 0o751,
            _ => 0o755,
        };
        assert_eq!(of(&path), (USER, USER, mode), "{depth}");
        path.push("d");
    }
}

/// The original owner of a directory that a killed run has seized is unknown.
#[test]
fn after_a_killed_run_it_is_the_users_alone() {
    let mut stage = Stage::new();
    for name in ["", "sub", "sub/deep"] {
        directory(&stage, name, 0, 0, 0o3700);
    }
    let stuck = stage.user_file("sub/deep/stuck");
    stage.make_immutable(&stuck);
    let outcome = stage.remove(&[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    for name in ["", "sub", "sub/deep"] {
        assert_eq!(of(&stage.inside(name)), (USER, 0, 0o700), "{name}");
    }
}

/// Root empties the tmpfs, and then cannot detach it.
#[test]
fn a_tmpfs_that_stays_is_as_it_was() {
    let stage = Stage::with_private_mounts();
    mount_tmpfs(&stage.run());
    fs::create_dir_all(stage.inside("roots/sub")).unwrap();
    let unable = ["setpriv", "--bounding-set=-sys_admin"];
    let outcome = Outcome::of(through(&unable, &stage.command(&[])).output().unwrap());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(of(&stage.run()), (USER, USER, 0o700));
}
