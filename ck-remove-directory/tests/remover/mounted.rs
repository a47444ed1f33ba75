//! Mounts on the directory, mounts in it, and a mount that is already detached.

use crate::stage::{Outcome, Stage, USER, chmod, remover, through};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use rustix::fs::{Mode, OFlags, openat};
use std::{
    fs::{self, File, OpenOptions},
    os::{
        fd::AsRawFd,
        unix::fs::{OpenOptionsExt, chown},
    },
    path::Path,
};

pub(crate) fn mount_tmpfs(on: &Path) {
    mount(Some("tmpfs"), on, Some("tmpfs"), MsFlags::empty(), Some("mode=0700,uid=2001,gid=2001"))
        .expect("a tmpfs (needs CAP_SYS_ADMIN)");
}

pub(crate) fn bind(from: &Path, on: &Path) {
    mount(Some(from), on, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>).unwrap();
}

pub(crate) fn handle(path: &Path) -> File {
    let flags = i32::try_from((OFlags::PATH | OFlags::DIRECTORY).bits()).unwrap();
    OpenOptions::new().read(true).custom_flags(flags).open(path).unwrap()
}

/// The number of names in a directory, through its descriptor.
fn names_in(directory: &File) -> usize {
    fs::read_dir(format!("/proc/self/fd/{}", directory.as_raw_fd())).unwrap().count()
}

#[test]
fn a_tmpfs_there_is_emptied_detached_and_its_mount_point_removed() {
    let stage = Stage::with_private_mounts();
    mount_tmpfs(&stage.run());
    stage.user_directory("a/b");
    fs::write(stage.user_file("a/b/file"), vec![7; 3 << 20]).unwrap();
    let inside = handle(&stage.run());
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    let bytes = outcome.json()["bytes"].as_u64().unwrap();
    assert!((3 << 20..4 << 20).contains(&bytes), "{bytes} bytes given back");
    assert_eq!((&outcome.json()["mounts_detached"], &outcome.json()["removed"]), (&1.into(), &3.into()));
    assert_eq!(names_in(&inside), 0, "emptied, for processes that still have it open");
    stage.assert_gone();
}

/// After a restart, the broker starts a remover while the earlier one still works.
#[test]
fn several_at_the_same_directory_do_not_hinder_each_other() {
    let stage = Stage::among_the_retired();
    for round in 0..60 {
        if round % 2 == 0 {
            let _ = fs::create_dir(stage.run());
            chmod(&stage.run(), 0o700);
            mount_tmpfs(&stage.run());
        }
        stage.user_directory("a/b");
        stage.user_file("a/b/file");
        let removers: Vec<_> = (0..4).map(|_| stage.command(&[]).spawn().unwrap()).collect();
        for remover in removers {
            Outcome::of(remover.wait_with_output().unwrap()).assert_silent_success();
        }
        stage.assert_gone();
    }
}

/// An earlier remover was killed after it detached the tmpfs and before it removed the mount point.
#[test]
fn an_empty_mount_point_goes_where_only_root_can_have_made_it() {
    let roots = |stage: &Stage| {
        fs::remove_dir(stage.run()).unwrap();
        fs::create_dir(stage.run()).unwrap();
        chmod(&stage.run(), 0o700);
    };
    let elsewhere = Stage::new();
    chmod(&elsewhere.beside(""), 0o700);
    roots(&elsewhere);
    elsewhere.remove(&[]).assert_refused("owned by uid 0");
    let stage = Stage::among_the_retired();
    roots(&stage);
    chmod(&stage.beside(""), 0o755);
    stage.remove(&[]).assert_refused("owned by uid 0");
    chmod(&stage.beside(""), 0o700);
    fs::write(stage.inside("roots"), "").unwrap();
    stage.remove(&[]).assert_refused("owned by uid 0");
    fs::remove_file(stage.inside("roots")).unwrap();
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();
}

/// After a crash, ConsoleKit mounted a second tmpfs on the first.
#[test]
fn stacked_tmpfs_go_one_after_the_other() {
    let stage = Stage::with_private_mounts();
    stage.user_file("at the bottom");
    for layer in 0..20 {
        mount_tmpfs(&stage.run());
        stage.user_file(format!("layer{layer}"));
    }
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!((&outcome.json()["mounts_detached"], &outcome.json()["removed"]), (&20.into(), &21.into()));
    stage.assert_gone();
}

/// The mounts are so deep that no path can name them. Only the walk finds them.
#[test]
fn any_number_of_mounts_on_one_name_is_taken_off() {
    let stage = Stage::with_private_mounts();
    stage.user_chain("", 2_500);
    let mut at = File::open(stage.run()).unwrap();
    for _ in 0..2_500 {
        at = openat(&at, "d", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap().into();
    }
    let bottom = format!("/proc/self/fd/{}", at.as_raw_fd());
    for _ in 0..300 {
        bind(&stage.outside(""), Path::new(&bottom));
    }
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    // One pass of the user, and one of root.
    assert_eq!((&outcome.json()["mounts_detached"], &outcome.json()["passes"]), (&300.into(), &2.into()));
    stage.assert_gone();
}

#[test]
fn a_mount_point_of_roots_below_the_tmpfs_goes_if_it_is_empty() {
    let stage = Stage::with_private_mounts();
    chown(stage.run(), Some(0), Some(0)).unwrap();
    mount_tmpfs(&stage.run());
    stage.remove(&[]).assert_silent_success();
    stage.assert_gone();

    fs::create_dir(stage.run()).unwrap();
    fs::write(stage.inside("roots"), "x").unwrap();
    mount_tmpfs(&stage.run());
    let outcome = stage.remove(&[]);
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("Directory not empty (ENOTEMPTY)"), "{outcome:?}");
    assert!(stage.inside("roots").exists(), "root's own files beneath are not removed");
}

#[test]
fn an_immutable_file_goes_with_its_tmpfs() {
    let mut stage = Stage::with_private_mounts();
    mount_tmpfs(&stage.run());
    let stuck = stage.user_file("stuck");
    let inside = handle(&stage.run());
    stage.make_immutable(&stuck);
    stage.remove(&[]).assert_silent_success();
    assert_eq!(names_in(&inside), 1);
    stage.assert_gone();
    stage.forget_immutable();
}

#[test]
fn what_is_mounted_inside_is_detached_and_not_touched() {
    let stage = Stage::with_private_mounts();
    for name in ["bind", "deep/er/bind", "twice", "tmpfs"] {
        stage.user_directory(name);
    }
    stage.user_file("deep/er/bind/hidden");
    bind(&stage.outside(""), &stage.inside("bind"));
    bind(&stage.outside(""), &stage.inside("deep/er/bind"));
    bind(&stage.outside(""), &stage.inside("twice"));
    bind(&stage.outside(""), &stage.inside("twice"));
    mount_tmpfs(&stage.inside("tmpfs"));
    bind(&stage.outside("canary"), &stage.user_file("file"));
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!(outcome.json()["mounts_detached"], 6, "{outcome:?}");
    stage.assert_gone();
}

#[test]
fn without_the_right_to_detach_a_mount_stays_and_is_named() {
    let stage = Stage::with_private_mounts();
    stage.user_file("other");
    bind(&stage.outside(""), &stage.user_directory("bind"));
    let unable = ["setpriv", "--bounding-set=-sys_admin"];
    let outcome = Outcome::of(through(&unable, &stage.command(&[])).output().unwrap());
    assert_eq!(outcome.code, Some(1));
    let line = format!("{}: Device or resource busy (EBUSY)\n", stage.inside("bind").display());
    assert!(outcome.stderr.ends_with(&line) && outcome.stderr.lines().count() == 1, "{outcome:?}");
    assert!(!stage.inside("other").exists());
    stage.assert_canary();

    umount2(&stage.inside("bind"), MntFlags::empty()).unwrap();
    mount_tmpfs(&stage.run());
    let outcome = Outcome::of(through(&unable, &stage.command(&[])).output().unwrap());
    assert_eq!(outcome.code, Some(1));
    let line = format!("{}: Operation not permitted (EPERM)\n", stage.run().display());
    assert!(outcome.stderr.ends_with(&line), "{outcome:?}");
}

#[test]
fn a_mount_that_is_no_tmpfs_is_refused() {
    let stage = Stage::with_private_mounts();
    chown(stage.outside(""), Some(USER), Some(USER)).unwrap();
    bind(&stage.outside(""), &stage.run());
    stage.remove(&[]).assert_refused("tmpfs");
    stage.assert_canary();
    assert!(stage.inside("canary").exists(), "still mounted");
}

#[test]
fn a_detached_tmpfs_is_emptied_through_its_descriptor() {
    let stage = Stage::with_private_mounts();
    mount_tmpfs(&stage.run());
    stage.user_directory("a/b");
    stage.user_file("a/b/file");
    fs::create_dir(stage.inside("roots")).unwrap();
    fs::write(stage.inside("roots/file"), "x").unwrap();
    bind(&stage.outside(""), &stage.user_directory("bind"));
    let detached = handle(&stage.run());
    umount2(&stage.run(), MntFlags::MNT_DETACH).unwrap();
    fs::remove_dir(stage.run()).unwrap();
    // A later login has its directory there. The path is only a name now.
    stage.user_directory("");
    stage.user_file("new");
    let stdin = detached.try_clone().unwrap();
    let outcome = Outcome::of(stage.command(&["--dest-fd=0", "--json"]).stdin(stdin).output().unwrap());
    outcome.assert_silent_success();
    assert_eq!((&outcome.json()["gone"], &outcome.json()["removed"]), (&true.into(), &6.into()));
    assert_eq!(names_in(&detached), 0);
    stage.assert_canary();
    assert!(stage.inside("new").exists(), "the directory that is at the path now is not removed");
}

#[test]
fn what_stays_in_a_detached_tmpfs_is_named() {
    let mut stage = Stage::with_private_mounts();
    mount_tmpfs(&stage.run());
    let stuck = stage.user_file("stuck");
    stage.user_file("other");
    stage.make_immutable(&stuck);
    let detached = handle(&stage.run());
    umount2(&stage.run(), MntFlags::MNT_DETACH).unwrap();
    let stdin = detached.try_clone().unwrap();
    let outcome = Outcome::of(stage.command(&["--dest-fd=0"]).stdin(stdin).output().unwrap());
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.stderr.contains("/stuck: Operation not permitted (EPERM)"), "{outcome:?}");
    assert_eq!(names_in(&detached), 1);
    stage.forget_immutable();
}

#[test]
fn a_detached_tmpfs_of_another_user_is_refused() {
    let stage = Stage::with_private_mounts();
    mount_tmpfs(&stage.run());
    let stdin = handle(&stage.run());
    umount2(&stage.run(), MntFlags::MNT_DETACH).unwrap();
    let mut command = remover();
    command.args(["--uid=2002", "--dest=/somewhere", "--dest-fd=0"]).stdin(stdin);
    Outcome::of(command.output().unwrap()).assert_refused("owned by uid 2001");
}
