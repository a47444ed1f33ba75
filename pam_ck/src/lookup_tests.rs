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
    path::{Path, PathBuf},
    process,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
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

/// Looks `there` up `times` times while `disturb` goes on, over and over, in a mount namespace of its own.
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
        // More than there are processors: who looks up has to wait for one, too.
        let look = || (0..times / LOOKERS).filter(|_| find(&top.join("there"), Last::Keep).is_err()).count();
        let lookers: Vec<_> = (0..LOOKERS).map(|_| scope.spawn(look)).collect();
        let hidden: usize = lookers.into_iter().map(|looker| looker.join().unwrap()).sum();
        over.store(true, Ordering::Relaxed);
        assert_eq!(hidden, 0);
    });
    fs::remove_dir_all(top).unwrap();
}

const NONE: Option<&str> = None;
const LOOKERS: usize = 12;

/// At the moment of a mount, the cache has no answer.
#[test]
fn mounts_elsewhere_hide_nothing() {
    let top = directory("mounts");
    let disturb = || {
        mount(Some(&top), &top, NONE, MsFlags::MS_BIND, NONE).unwrap();
        umount2(&top, MntFlags::MNT_DETACH).unwrap();
    };
    assert_nothing_hidden(&top, 300_000, || (), disturb);
}

/// Every user can do that in a user namespace of theirs: for milliseconds at a time the cache has hardly any answer.
#[test]
fn namespaces_of_many_mounts_that_come_and_go_hide_nothing() {
    let top = directory("namespaces");
    let many = directory("many");
    let prepare = || {
        mount(Some("tmpfs"), &many, Some("tmpfs"), MsFlags::empty(), NONE).unwrap();
        // Each has all that there is so far: 2^14 in the end.
        for number in 0..14 {
            let place = many.join(number.to_string());
            fs::create_dir(&place).unwrap();
            mount(Some(&many), &place, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE).unwrap();
        }
    };
    // It goes with the thread.
    let disturb = || {
        thread::scope(|scope| {
            scope.spawn(|| unshare(CloneFlags::CLONE_NEWNS).unwrap());
        })
    };
    assert_nothing_hidden(&top, 300_000, prepare, disturb);
    fs::remove_dir(many).unwrap();
}
