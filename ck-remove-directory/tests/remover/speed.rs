//! Large trees, side by side with `rm -rf` on an equal one, and with few descriptors.

use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, openat};

use crate::privileges::descendants;
use crate::stage::{Outcome, Stage, through};

/// Times the time of `rm -rf` that a removal may take.
const LIMIT: f64 = 1.15;

/// Pairs that are measured, because other things run on the same processors meanwhile.
const PAIRS: usize = 3;

/// Descriptors that the command and its child may have open, each.
const DESCRIPTORS: usize = 64;

/// Makes a tree in the directory.
type Make = fn(&Stage, &str);

fn a_million_files(stage: &Stage, name: &str) {
    for hundred in 0..100 {
        let directory = stage.user_directory(&format!("{name}/{hundred}"));
        let directory = fs::File::open(directory).unwrap();
        let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
        for number in 0..10_000 {
            openat(&directory, number.to_string(), flags, Mode::RUSR).unwrap();
        }
    }
}

fn fifty_thousand_levels(stage: &Stage, name: &str) {
    stage.user_chain(name, 50_000);
}

/// Waits for the command, and counts the descriptors that it and its children have open meanwhile.
fn watch_descriptors(command: &mut Child) -> usize {
    let count = |pid: i32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let mut most = 0;
    while command.try_wait().unwrap().is_none() {
        let id = command.id();
        let processes = descendants(id).into_iter().chain([id.try_into().unwrap()]);
        most = processes.map(count).fold(most, usize::max);
        std::thread::sleep(Duration::from_millis(5));
    }
    most
}

fn time_of_rm(path: &Path) -> Duration {
    let started = Instant::now();
    assert!(Command::new("rm").arg("-rf").arg(path).status().unwrap().success());
    started.elapsed()
}

fn time_of_removal(stage: &Stage, names: u64) -> Duration {
    let limited = ["sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"];
    let started = Instant::now();
    let mut command = through(&limited, &stage.command(&["--json", "--deadline=600"])).spawn().unwrap();
    let most = watch_descriptors(&mut command);
    let elapsed = started.elapsed();
    let outcome = Outcome::of(command.wait_with_output().unwrap());
    outcome.assert_silent_success();
    assert!((2..=DESCRIPTORS).contains(&most), "{most} descriptors");
    assert_eq!(outcome.json()["removed"], names);
    // Root's as well where the user's child has had to wait too long for a processor.
    assert!(outcome.json()["passes"].as_u64() <= Some(2), "{outcome:?}");
    elapsed
}

/// Measures pairs; one must be within the limit. Each goes first in turn: the kernel frees the inodes of
/// what was removed some time later, at the expense of whatever runs then.
#[expect(clippy::print_stdout, reason = "a benchmark shows what it has measured")]
fn compare(make: Make, names: u64) {
    let mut ratios = Vec::new();
    for pair in 0..PAIRS {
        let (theirs, ours) = (Stage::on_tmpfs(), Stage::on_tmpfs());
        make(&theirs, "tree");
        make(&ours, "tree");
        let early = (pair % 2 == 1).then(|| time_of_rm(&theirs.run()));
        let removal = time_of_removal(&ours, names);
        let rm = early.unwrap_or_else(|| time_of_rm(&theirs.run()));
        ours.assert_gone();
        let ratio = removal.as_secs_f64() / rm.as_secs_f64();
        println!("{removal:.2?}, rm -rf {rm:.2?}: {ratio:.2} times");
        ratios.push(ratio);
    }
    assert!(ratios.iter().any(|ratio| *ratio <= LIMIT), "times of rm -rf: {ratios:.2?}");
}

/// The tree goes, with few descriptors.
fn assert_goes(make: Make, names: u64) {
    let stage = Stage::on_tmpfs();
    make(&stage, "tree");
    time_of_removal(&stage, names);
    stage.assert_gone();
}

#[test]
fn a_million_files_go_with_few_descriptors() {
    assert_goes(a_million_files, 1_000_101);
}

#[test]
fn fifty_thousand_levels_go_with_few_descriptors() {
    assert_goes(fifty_thousand_levels, 50_001);
}

#[test]
#[ignore = "a benchmark: make bench"]
fn a_million_files_take_no_longer_than_with_rm() {
    compare(a_million_files, 1_000_101);
}

#[test]
#[ignore = "a benchmark: make bench"]
fn fifty_thousand_levels_take_no_longer_than_with_rm() {
    compare(fifty_thousand_levels, 50_001);
}
