//! Leaders that are killed at one blow.

use std::fs;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::hold::Leaders;
use super::packet::{Server, await_no_teardown, status};
use super::since;

/// Somebody else.
const OTHER: u32 = 2002;
/// How long logins of somebody else are measured while nothing else happens.
const IDLE: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_millis(1);
/// Between two logins of somebody else: a user's teardowns come one after the other, and none of them is to wait.
const PACE: Duration = Duration::from_millis(5);

/// Nanoseconds, one of each a round. In every second round somebody else logs in and out all the time.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Storm {
    /// From the first kill until all leaders are dead, which is the kernel's work.
    pub(crate) dead: Vec<u64>,
    /// Until the table is empty and no directory is in its place.
    pub(crate) empty: Vec<u64>,
    /// Until all teardowns are done.
    pub(crate) torn_down: Vec<u64>,
    /// Logins of somebody else before.
    pub(crate) before: Vec<u64>,
    /// And until the teardowns are done.
    pub(crate) during: Vec<u64>,
}

pub(super) fn run(leaders: u32, together: u32, rounds: u32) -> Storm {
    let mut storm = Storm::default();
    for _ in 0..rounds {
        let crowd = Leaders::start(leaders, 1, together);
        sleep(PAUSE * 100);
        blow(crowd, &mut storm);
        let crowd = Leaders::start(leaders, 1, together);
        sleep(PAUSE * 100);
        blow_beside_logins(crowd, &mut storm);
    }
    storm
}

/// Kills them all, in another thread, which reaps them too.
fn kill(mut crowd: Leaders) -> u64 {
    let start = Instant::now();
    crowd.processes.iter_mut().for_each(|leader| leader.kill().expect("kill"));
    for leader in &mut crowd.processes {
        leader.wait().expect("wait");
    }
    since(start)
}

fn blow(crowd: Leaders, storm: &mut Storm) {
    scope(|scope| {
        let start = Instant::now();
        let killer = scope.spawn(|| kill(crowd));
        while status().sessions > 0 || directories() > 0 {
            sleep(PAUSE);
        }
        storm.empty.push(since(start));
        await_no_teardown();
        storm.torn_down.push(since(start));
        storm.dead.push(killer.join().expect("the killer"));
    });
}

fn blow_beside_logins(crowd: Leaders, storm: &mut Storm) {
    let mut number = 1 << 40;
    let idle = Instant::now();
    while idle.elapsed() < IDLE {
        storm.before.push(login(&mut number));
    }
    scope(|scope| {
        scope.spawn(|| kill(crowd));
        while {
            storm.during.push(login(&mut number));
            let status = status();
            // Its own teardown may be under way.
            status.sessions > 0 || status.teardowns_running + status.teardowns_waiting > 1
        } {}
    });
    await_no_teardown();
}

/// What one login takes; its logout is not measured.
fn login(number: &mut u64) -> u64 {
    *number += 1;
    let start = Instant::now();
    let close = Server::Ck.open(OTHER, *number);
    let took = since(start);
    Server::Ck.close(&close);
    sleep(PACE);
    took
}

/// Runtime directories that are in their place.
fn directories() -> usize {
    let names = fs::read_dir("/run/user").expect("/run/user").flatten().map(|entry| entry.file_name());
    names.filter(|name| name != ".ck-retired").count()
}
