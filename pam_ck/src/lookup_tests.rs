//! Tests of `lookup`: a file that exists is found, and a file that does not exist is not found.

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
    path::{Path, PathBuf},
    process,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Makes a directory for the test `name`.
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
fn a_link_at_the_end_can_be_looked_up_itself() {
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
fn a_missing_file_is_not_found_and_endless_links_fail() {
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

/// Looks up an existing directory `times` times, while `disturb` runs repeatedly in a mount namespace of its own.
fn assert_nothing_hidden(top: &Path, times: usize, prepare: impl FnOnce() + Send, disturb: impl Fn() + Sync) {
    fs::create_dir(top.join("there")).unwrap();
    let (ready, over) = (Barrier::new(2), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).unwrap();
            prepare();
            ready.wait();
            while !over.load(Ordering::Relaxed) {
                disturb();
            }
        });
        ready.wait();
        // There are more threads than processors, so that a look-up also has to wait for a processor.
        let look = || (0..times / THREADS).filter(|_| find(&top.join("there"), Last::Keep).is_err()).count();
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(look)).collect();
        let hidden: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        over.store(true, Ordering::Relaxed);
        assert_eq!(hidden, 0);
    });
    fs::remove_dir_all(top).unwrap();
}

const NONE: Option<&str> = None;
const THREADS: usize = 12;

/// At the moment of a mount, the cache does not answer.
#[test]
fn mounts_elsewhere_hide_nothing() {
    let top = directory("mounts");
    let disturb = || {
        mount(Some(&top), &top, NONE, MsFlags::MS_BIND, NONE).unwrap();
        umount2(&top, MntFlags::MNT_DETACH).unwrap();
    };
    assert_nothing_hidden(&top, 300_000, || (), disturb);
}

/// Every user can do this in a user namespace. For milliseconds at a time, the cache hardly answers.
#[test]
fn namespaces_of_many_mounts_that_come_and_go_hide_nothing() {
    let top = directory("namespaces");
    let many = directory("many");
    let prepare = || {
        mount(Some("tmpfs"), &many, Some("tmpfs"), MsFlags::empty(), NONE).unwrap();
        // Each bind mount doubles the number of mounts: there are 2^14 in the end.
        for number in 0..14 {
            let place = many.join(number.to_string());
            fs::create_dir(&place).unwrap();
            mount(Some(&many), &place, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE).unwrap();
        }
    };
    // The namespace ends with the thread.
    let disturb = || {
        thread::scope(|scope| {
            scope.spawn(|| unshare(CloneFlags::CLONE_NEWNS).unwrap());
        })
    };
    assert_nothing_hidden(&top, 300_000, prepare, disturb);
    fs::remove_dir(many).unwrap();
}
