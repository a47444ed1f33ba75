//! Directories exchanged with links while they are removed, half a minute long.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Gid, RenameFlags, Uid, renameat_with};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::mounted::mount_tmpfs;
use crate::stage::{Stage, USER};
use crate::tree;

/// How long the race lasts.
const RACE: Duration = Duration::from_secs(30);

/// Tasks of the user's that exchange.
const RACERS: usize = 8;

/// Becomes the user, in this thread only: to the kernel it is a task like a process.
fn become_user() {
    let (uid, gid) = (Uid::from_raw(USER), Gid::from_raw(USER));
    set_thread_groups(&[]).unwrap();
    set_thread_res_gid(gid, gid, gid).unwrap();
    set_thread_res_uid(uid, uid, uid).unwrap();
}

/// Makes directories and links in `run` and exchanges them, over and over.
fn exchange(run: &Path, canaries: &[PathBuf], racer: usize, stop: &AtomicBool) -> u64 {
    become_user();
    let (mut exchanged, mut round) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        for canary in canaries {
            // Names of their own each time: these racers must not follow a link themselves.
            round += 1;
            let directory = run.join(format!("d{racer}-{round}"));
            let link = run.join(format!("l{racer}-{round}"));
            // The names that are in the canaries, so that a step too far finds them.
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

/// Runs the race on directories that `prepare` makes ready; what it must not touch is root's and the user's.
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
        let until = Instant::now() + RACE;
        while Instant::now() < until {
            prepare(stage);
            // Something for root's own walk, which is the one that could do most harm.
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
        // What is left beneath it from the time before is hidden now, and the next removal's second layer.
        if device(&stage.run()) == device(&stage.beside("")) {
            mount_tmpfs(&stage.run());
        }
    });
}
