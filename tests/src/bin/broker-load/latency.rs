//! How long a broker takes to answer, in three situations.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::client::{Client, Login};
use crate::user::as_user;

/// Files that a user leaves, and how many of them are in one directory.
const FILES: u32 = 200_000;
const IN_ONE: u32 = 20_000;
/// How long an idle broker is measured.
const IDLE: Duration = Duration::from_millis(500);
/// How long logins alone are.
const MEASURED: Duration = Duration::from_secs(2);
/// Pause between two requests.
const PAUSE: Duration = Duration::from_millis(1);
/// How long a teardown may take to begin.
const BEGIN: Duration = Duration::from_secs(1);
/// Where somebody else's files are.
const ELSEWHERE: &str = "/tmp/elsewhere";

/// Measures the answers to one small request a millisecond.
pub(crate) fn stall(uid: u32) {
    let admin = Client::admin();
    measure(uid, |_| timed(|| drop(admin.status())));
}

/// Measures the logins of `other`, each the first one of its user, one a millisecond.
pub(crate) fn logins(uid: u32, other: u32) {
    let admin = Client::admin();
    measure(uid, |teardowns| {
        let mut login = None;
        let took = timed(|| login = Some(Login::open(other)));
        let login = login.expect("a login");
        assert!(login.directory.is_some(), "no directory was told");
        login.close();
        // Its own teardown is over before the next one, so that none wait.
        while {
            let status = admin.status();
            status.teardowns_running + status.teardowns_waiting > teardowns
        } {
            sleep(PAUSE / 4);
        }
        took
    });
}

/// Measures logins of `uid`, one after the other, each the first one.
pub(crate) fn idle(uid: u32) {
    let start = Instant::now();
    let sample = || {
        let mut login = None;
        let took = timed(|| login = Some(Login::open(uid)));
        login.expect("a login").close();
        took
    };
    print("login", samples(sample, || start.elapsed() < MEASURED));
}

/// Prints what `sample` takes in each situation; it is told how many teardowns there are without its own.
fn measure(uid: u32, mut sample: impl FnMut(u64) -> Duration) {
    let login = Login::open(uid);
    fill(&login.directory.clone().expect("a directory"), uid);
    let start = Instant::now();
    print("idle", samples(|| sample(0), || start.elapsed() < IDLE));

    let close = timed(|| login.close());
    print("close", vec![close]);
    let start = Instant::now();
    let mut worker = None;
    let teardown = samples(
        || sample(1),
        || {
            if worker.is_none() {
                worker = worker_of(uid);
            }
            worker.as_ref().map_or(start.elapsed() < BEGIN, |process| process.exists())
        },
    );
    assert!(worker.is_some(), "no teardown was seen");
    print("teardown", teardown);

    std::fs::create_dir(ELSEWHERE).expect("a directory elsewhere");
    std::os::unix::fs::chown(ELSEWHERE, Some(uid), None).expect("chown");
    fill(Path::new(ELSEWHERE), uid);
    let mut remover = Command::new("rm").args(["-rf", ELSEWHERE]).spawn().expect("rm");
    print("control", samples(|| sample(0), || remover.try_wait().expect("wait for rm").is_none()));
}

fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

/// Takes one sample after another as long as `more` says so, and one after that.
fn samples(mut sample: impl FnMut() -> Duration, mut more: impl FnMut() -> bool) -> Vec<Duration> {
    let mut taken = Vec::new();
    while more() {
        taken.push(sample());
        sleep(PAUSE);
    }
    taken.push(sample());
    taken
}

/// Makes files in `directory` as the uid.
fn fill(directory: &Path, uid: u32) {
    as_user(uid, || {
        for number in 0..FILES {
            let below = directory.join((number / IN_ONE).to_string());
            if number % IN_ONE == 0 {
                std::fs::create_dir(&below).expect("make a directory");
            }
            std::fs::File::create(below.join(number.to_string())).expect("make a file");
        }
    });
}

/// The process in `/proc` that tears down what the uid left.
fn worker_of(uid: u32) -> Option<PathBuf> {
    let wanted = format!("\0--uid={uid}\0");
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    processes.map(|process| process.path()).find(|process| {
        std::fs::read_to_string(process.join("cmdline")).is_ok_and(|line| line.contains(&wanted))
    })
}

/// Prints a line `NAME MEDIAN P99 MAX COUNT`.
fn print(name: &str, mut samples: Vec<Duration>) {
    samples.sort_unstable();
    let at = |hundredth: usize| samples[(samples.len() * hundredth / 100).min(samples.len() - 1)].as_micros();
    println!("{name} {} {} {} {}", at(50), at(99), at(100), samples.len());
}
