//! kill -9 at any moment: the next run finishes what the killed run began.

use crate::{
    mounted::{bind, mount_tmpfs},
    privileges::{descendants, field},
    stage::{Outcome, Stage, USER},
    tree,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

/// The longest time before a removal is killed, in microseconds. It is about the duration of a removal.
const MAX_DELAY: u128 = 25_000;

/// Kills the command, or its child if `child` and if there is one, some time after the start.
fn kill_at_some_time(stage: &Stage, child: bool) -> Outcome {
    let remover = stage.command(&[]).spawn().unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let delay = now.as_nanos() / 7 % MAX_DELAY;
    std::thread::sleep(Duration::from_micros(delay.try_into().unwrap()));
    let children = descendants(remover.id());
    let command = remover.id().try_into().unwrap();
    let victim = children.last().copied().filter(|_| child).unwrap_or(command);
    let _ = kill(Pid::from_raw(victim), Signal::SIGKILL);
    let outcome = Outcome::of(remover.wait_with_output().unwrap());
    for child in children {
        let until = Instant::now() + Duration::from_secs(5);
        while !matches!(field(child, "State").first().map(String::as_str), None | Some("Z")) {
            assert!(Instant::now() < until, "the child is still there");
        }
    }
    outcome
}

fn fill(stage: &Stage) {
    stage.user_chain("deep", 100);
    for number in 0..1_500 {
        stage.user_file(number.to_string());
    }
    fs::create_dir_all(stage.inside("roots/sub")).unwrap();
    bind(&stage.outside("mine"), &stage.user_directory("bind"));
}

fn kill_and_repeat(mount: bool) {
    let stage = Stage::on_tmpfs();
    tree::plant(&stage.outside("mine"), USER);
    let before = tree::read(&stage.outside(""));
    let mut cut_short = 0;
    for round in 0..16 {
        stage.user_directory("");
        if mount {
            mount_tmpfs(&stage.run());
        }
        fill(&stage);
        // Twice: the second run starts where the first was killed.
        for _ in 0..2 {
            let outcome = kill_at_some_time(&stage, round % 2 == 0);
            // For a mounted directory, the first child only asks for the file system. Without its answer, nothing is
            // done.
            let unanswered = outcome.code == Some(2) && outcome.stderr.contains("does not answer");
            // Either the command itself was killed, or the child that does the work.
            let killed = outcome.code.is_none()
                || (outcome.code == Some(4) && outcome.stderr.contains("Interrupted system call (EINTR)"));
            assert!(killed || outcome.code == Some(0) || unanswered, "{outcome:?}");
            cut_short += usize::from(killed);
        }
        stage.remove(&[]).assert_silent_success();
        stage.assert_gone();
        assert!(tree::read(&stage.outside("")) == before, "outside nothing is changed");
    }
    assert!(cut_short > 0, "one was killed in the middle");
}

#[test]
fn a_killed_removal_of_a_directory_is_finished_by_the_next() {
    kill_and_repeat(false);
}

#[test]
fn a_killed_removal_of_a_tmpfs_is_finished_by_the_next() {
    kill_and_repeat(true);
}
