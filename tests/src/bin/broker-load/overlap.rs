//! Sessions of one user that begin and end across each other, so that the last logout and the next login meet.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::{Client, Login};
use crate::user::as_user;

/// The longest session, and the longest time until the next one, in multiples of [`STEP`].
const LONGEST: u32 = 8;
const STEP: Duration = Duration::from_micros(300);
/// How many teardowns may wait before the next session: a user for whom 256 wait gets no directory, and workers are
/// slow where much else runs.
const BACKLOG: u64 = 128;

/// What one process saw.
#[derive(Default)]
struct Seen {
    sessions: u32,
    /// Sessions that found nothing in their directory, as the first one in it does.
    fresh: u32,
}

/// Runs `processes` of [`run_one`] at once, and prints `SESSIONS FRESH` of all together.
pub(crate) fn run(uid: &str, processes: u32, time: Duration) {
    let program = std::env::current_exe().expect("our own path");
    let start = |_| {
        Command::new(&program)
            .args(["overlap", uid, &time.as_millis().to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("start a process")
    };
    let children: Vec<_> = (0..processes).map(start).collect();
    let mut all = Seen::default();
    let mut failed = 0;
    for child in children {
        let output = child.wait_with_output().expect("wait for a process");
        failed += u32::from(!output.status.success());
        let text = String::from_utf8_lossy(&output.stdout);
        if let Some((sessions, fresh)) = text.trim().split_once(' ') {
            all.sessions += sessions.parse::<u32>().expect("a count");
            all.fresh += fresh.parse::<u32>().expect("a count");
        }
    }
    println!("{} {}", all.sessions, all.fresh);
    assert_eq!(failed, 0, "processes saw something wrong");
}

/// Opens and closes sessions of the uid for a time, and looks after the directory of each as long as it lasts.
pub(crate) fn run_one(uid: u32, time: Duration) {
    let end = Instant::now() + time;
    let mut seen = Seen::default();
    let broker = Client::admin();
    while Instant::now() < end {
        if broker.status().teardowns_waiting > BACKLOG {
            sleep(STEP);
            continue;
        }
        let login = Login::open(uid);
        let directory = login.directory.clone().expect("a directory is told");
        let mark = directory.join(format!("{}-{}", std::process::id(), seen.sessions));
        let identity = identity(&directory);
        seen.fresh += u32::from(as_user(uid, || is_empty(&directory)));
        as_user(uid, || std::fs::write(&mark, "here").expect("the directory can be written"));
        sleep(STEP * ((std::process::id() + seen.sessions) % LONGEST));
        let kept = as_user(uid, || std::fs::read_to_string(&mark).expect("a session's file stays"));
        assert_eq!(kept, "here");
        assert_eq!(self::identity(&directory), identity, "the directory was exchanged");
        login.close();
        seen.sessions += 1;
        // So that now and then nobody is there.
        sleep(STEP * ((std::process::id() * 5 + seen.sessions * 3) % LONGEST));
    }
    println!("{} {}", seen.sessions, seen.fresh);
}

/// Which directory it is, and whose.
fn identity(directory: &Path) -> (u64, u64, u32, u32) {
    let found = std::fs::symlink_metadata(directory).expect("the directory exists");
    (found.dev(), found.ino(), found.uid(), found.mode())
}

fn is_empty(directory: &Path) -> bool {
    std::fs::read_dir(directory).expect("the directory can be read").next().is_none()
}
