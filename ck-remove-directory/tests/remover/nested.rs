//! Mounts in the directory are found in the kernel's list, and detached before the user's pass.

use crate::{
    mounted::{bind, mount_tmpfs},
    stage::{Stage, USER, name},
    tree,
};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::{fs, os::unix::fs::PermissionsExt};

/// The number of mounts in this test's mount namespace whose mount point contains `part`.
fn mounts_at(part: &str) -> usize {
    let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    table.lines().filter(|line| line.contains(part)).count()
}

#[test]
fn every_kind_is_gone_before_the_users_pass_and_its_source_is_intact() {
    let stage = Stage::with_private_mounts();
    tree::plant(&stage.outside("same"), USER);
    // Another file system, with files of the user.
    let other = stage.beside("other");
    fs::create_dir(&other).unwrap();
    mount_tmpfs(&other);
    tree::plant(&other.join("tree"), USER);
    for directory in ["same", "other", "tmpfs", "stacked", "de ep/e\\r/so\nfar"] {
        stage.user_directory(directory);
    }
    bind(&stage.outside("same"), &stage.inside("same"));
    bind(&other, &stage.inside("other"));
    bind(&stage.outside("canary"), &stage.user_file("file"));
    bind(&other.join("tree/file0"), &stage.user_file(name(b"bytes \xff")));
    bind(&stage.outside("same"), &stage.inside("de ep/e\\r/so\nfar"));
    mount_tmpfs(&stage.inside("tmpfs"));
    stage.user_directory("tmpfs/in/it");
    bind(&stage.outside("same"), &stage.inside("tmpfs/in/it"));
    bind(&stage.outside("same"), &stage.inside("stacked"));
    mount_tmpfs(&stage.inside("stacked"));
    bind(&other, &stage.inside("stacked"));
    let before = (tree::read(&stage.outside("")), tree::read(&other));
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    let object = outcome.json();
    assert_eq!((&object["mounts_detached"], &object["passes"]), (&10.into(), &1.into()), "{object}");
    assert!((tree::read(&stage.outside("")), tree::read(&other)) == before, "the sources are intact");
    assert_eq!(mounts_at(&format!("{}/", stage.run().display())), 0);
    stage.assert_gone();
    umount2(&other, MntFlags::MNT_DETACH).unwrap();
}

/// The broker retires a plain directory by renaming it, with everything that is mounted in it.
#[test]
fn mounts_that_moved_along_are_found_where_they_are_now() {
    let stage = Stage::with_private_mounts();
    tree::plant(&stage.outside("same"), USER);
    bind(&stage.outside("same"), &stage.user_directory("a/b"));
    fs::create_dir(stage.beside("retired")).unwrap();
    fs::rename(stage.run(), stage.beside("retired/1")).unwrap();
    // The directory of a later login has the same names.
    bind(&stage.outside("same"), &stage.user_directory("a/b"));
    let before = tree::read(&stage.outside(""));
    let mut command = crate::stage::remover();
    command.args(["--uid=2001", "--json", "--dest"]).arg(stage.beside("retired/1"));
    let outcome = crate::stage::Outcome::of(command.output().unwrap());
    outcome.assert_silent_success();
    let object = outcome.json();
    assert_eq!((&object["mounts_detached"], &object["passes"]), (&1.into(), &1.into()), "{object}");
    assert!(stage.inside("a/b/file0").exists(), "the other one is still mounted");
    assert!(tree::read(&stage.outside("")) == before);
    stage.remove(&[]).assert_silent_success();
}

/// A directory whose name begins like that of the removed one, and a mount that the removed tmpfs hides.
#[test]
fn mounts_beside_it_and_beneath_it_are_left_alone() {
    let stage = Stage::with_private_mounts();
    let beside = stage.beside("run2");
    fs::create_dir(&beside).unwrap();
    mount_tmpfs(&beside);
    bind(&stage.outside(""), &stage.user_directory("hidden"));
    mount_tmpfs(&stage.run());
    stage.user_directory("hidden");
    let read_only = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID;
    mount(Some("tmpfs"), &stage.user_directory("ro"), Some("tmpfs"), read_only, None::<&str>).unwrap();
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    // The read-only tmpfs, the tmpfs of the directory itself, and the bind mount that it hid.
    assert_eq!(outcome.json()["mounts_detached"], 3, "{outcome:?}");
    assert_eq!(mounts_at("/run2"), 1);
    stage.assert_gone();
    umount2(&beside, MntFlags::MNT_DETACH).unwrap();
}

/// Sticky directories, in which the owner of the directory cannot remove every name.
#[test]
fn sticky_directories_and_other_users_files_go() {
    let stage = Stage::new();
    for (directory, owner) in [("sticky", USER), ("others", 2002), ("roots", 0)] {
        let path = stage.user_directory(directory);
        for (file, uid) in [("mine", USER), ("other", 2003), ("root", 0)] {
            fs::write(path.join(file), "x").unwrap();
            tree::own(&path.join(file), uid);
        }
        tree::own(&path, owner);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).unwrap();
    }
    fs::set_permissions(stage.run(), fs::Permissions::from_mode(0o1700)).unwrap();
    let outcome = stage.remove(&["--json"]);
    outcome.assert_silent_success();
    assert_eq!((&outcome.json()["removed"], &outcome.json()["passes"]), (&12.into(), &2.into()));
    stage.assert_gone();
}
