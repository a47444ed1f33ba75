//! Directories that are exchanged with links while they are removed, for half a minute.

use crate::{
    mounted::mount_tmpfs,
    stage::{Stage, USER},
    tree,
};
use rustix::{
    fs::{CWD, Gid, RenameFlags, Uid, renameat_with},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// The duration of a race.
const RACE_DURATION: Duration = Duration::from_secs(30);

/// The number of tasks of the user that exchange names.
const RACERS: usize = 8;

/// Makes this thread the user. To the kernel, a thread is a task like a process.
fn become_user() {
    let (uid, gid) = (Uid::from_raw(USER), Gid::from_raw(USER));
    set_thread_groups(&[]).unwrap();
    set_thread_res_gid(gid, gid, gid).unwrap();
    set_thread_res_uid(uid, uid, uid).unwrap();
}

/// Makes directories and links in `run`, and exchanges them repeatedly. Returns the number of exchanges.
fn exchange(run: &Path, canaries: &[PathBuf], racer: usize, stop: &AtomicBool) -> u64 {
    become_user();
    let (mut exchanged, mut round) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        for canary in canaries {
            // The names are new each time, so that the racers do not follow a link themselves.
            round += 1;
            let directory = run.join(format!("d{racer}-{round}"));
            let link = run.join(format!("l{racer}-{round}"));
            // The canaries have the same names, so that a step outside would find them.
            let _ = fs::create_dir_all(directory.join("a/b"));
            for file in ["file1", "a/file2", "a/b/file3"] {
                let _ = fs::write(directory.join(file), "");
            }
            let _ = symlink(canary.join("a"), directory.join("a/l"));
            let _ = symlink(canary, &link);
            for (one, other) in [(&directory.join("a/b"), &directory.join("a/l")), (&directory, &link)] {
                for _ in 0..50 {
                    let done = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok();
                    exchanged += u64::from(done);
                }
            }
        }
    }
    exchanged
}

/// Runs a race on directories that `prepare` makes. The canaries outside, of root and of the user, must not change.
fn race(stage: &Stage, prepare: impl Fn(&Stage)) {
    let canaries = [stage.outside("roots"), stage.outside("users")];
    tree::plant(&canaries[0], 0);
    tree::plant(&canaries[1], USER);
    let before = tree::read(&stage.outside(""));
    let (run, stop) = (stage.run(), AtomicBool::new(false));
    let (mut removals, mut removed) = (0, 0);
    let exchanged: u64 = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| {
                scope.spawn({
                    let (run, canaries, stop) = (&run, &canaries, &stop);
                    move || exchange(run, canaries, racer, stop)
                })
            })
            .collect();
        let until = Instant::now() + RACE_DURATION;
        while Instant::now() < until {
            prepare(stage);
            // Work for the pass of root, which could do most harm.
            let _ = fs::create_dir_all(stage.inside("roots/a/b"));
            std::thread::sleep(Duration::from_millis(20));
            let outcome = stage.remove(&["--deadline=1", "--json"]);
            assert!(matches!(outcome.code, Some(0 | 1 | 4)), "{outcome:?}");
            removals += 1;
            removed += outcome.json()["removed"].as_u64().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert!(tree::read(&stage.outside("")) == before, "outside nothing is changed");
    assert!(removals > 10 && removed > 1_000, "{removals} removals of {removed} names");
    assert!(exchanged > 10_000, "{exchanged} exchanges");
    let outcome = stage.remove(&[]);
    outcome.assert_silent_success();
    stage.assert_gone();
}

#[test]
fn exchanged_links_lead_nowhere_from_a_directory() {
    race(&Stage::on_tmpfs(), |stage| drop(stage.user_directory("")));
}

#[test]
fn exchanged_links_lead_nowhere_from_a_tmpfs() {
    race(&Stage::on_tmpfs(), |stage| {
        stage.user_directory("");
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        // The tmpfs hides what the last removal has left. The next removal meets it beneath the tmpfs.
        if device(&stage.run()) == device(&stage.beside("")) {
            mount_tmpfs(&stage.run());
        }
    });
}
