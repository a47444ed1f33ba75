//! That nothing is missing which is there, nor found which is not.

use crate::lookup::{Last, Place, find};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};
use rustix::{
    fs::{FileType, fstat},
    io::Errno,
};
use std::{
    env, fs,
    os::unix::fs::{MetadataExt, symlink},
    path::PathBuf,
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

/// A directory of its own for the test `name`.
fn directory(name: &str) -> PathBuf {
    let path = env::temp_dir().join(format!("ck-lookup-{}-{name}", process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir(&path).unwrap();
    path
}

fn inode(place: &Place) -> u64 {
    fstat(place.handle.as_ref().unwrap()).unwrap().st_ino
}

#[test]
fn a_file_is_found_by_its_path_and_by_any_links() {
    let top = directory("links");
    fs::create_dir_all(top.join("a/b")).unwrap();
    fs::write(top.join("a/b/file"), "").unwrap();
    symlink("a", top.join("relative")).unwrap();
    symlink(top.join("relative/b"), top.join("absolute")).unwrap();
    symlink("../b/../../absolute/file", top.join("a/b/last")).unwrap();
    let file = fs::metadata(top.join("a/b/file")).unwrap().ino();
    for path in ["a/b/file", "relative/b/file", "absolute/file", "a/b/last", "absolute/last"] {
        let place = find(&top.join(path), Last::Follow).unwrap();
        assert_eq!(inode(&place), file, "{path}");
        assert_eq!(place.path.canonicalize().unwrap(), top.join("a/b/file"), "{path}");
    }
    fs::remove_dir_all(top).unwrap();
}

#[test]
fn a_link_at_the_end_can_be_what_is_looked_for() {
    let top = directory("kept");
    fs::create_dir(top.join("a")).unwrap();
    symlink("a", top.join("link")).unwrap();
    symlink("nowhere", top.join("a/last")).unwrap();
    let place = find(&top.join("link/last"), Last::Keep).unwrap();
    let mode = fstat(place.handle.unwrap()).unwrap().st_mode;
    assert_eq!(FileType::from_raw_mode(mode), FileType::Symlink);
    fs::remove_dir_all(top).unwrap();
}

#[test]
fn what_is_not_there_is_missing_and_links_end() {
    let top = directory("missing");
    symlink("nowhere", top.join("dangling")).unwrap();
    symlink("loop", top.join("loop")).unwrap();
    let fails = |path: &str| find(&top.join(path), Last::Follow).unwrap_err();
    assert_eq!(fails("missing"), Errno::NOENT);
    assert_eq!(fails("missing/file"), Errno::NOENT);
    assert_eq!(fails("dangling"), Errno::NOENT);
    assert_eq!(fails("loop"), Errno::LOOP);
    fs::remove_dir_all(top).unwrap();
}

/// At the moment of a mount, the cache has no answer.
#[test]
fn mounts_elsewhere_hide_nothing() {
    let top = directory("mounts");
    fs::create_dir(top.join("there")).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let none: Option<&str> = None;
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            while !over.load(Ordering::Relaxed) {
                mount(Some(&top), &top, none, MsFlags::MS_BIND, none).unwrap();
                umount2(&top, MntFlags::MNT_DETACH).unwrap();
            }
        });
        let hidden = (0..300_000).filter(|_| find(&top.join("there"), Last::Keep).is_err()).count();
        over.store(true, Ordering::Relaxed);
        assert_eq!(hidden, 0);
    });
    fs::remove_dir_all(top).unwrap();
}
