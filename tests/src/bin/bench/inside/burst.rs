//! Many opens at the same moment.

use std::sync::Barrier;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::packet::{Server, await_no_teardown};

const FIRST: u32 = 5_000;
const PAUSE: Duration = Duration::from_millis(5);

/// Nanoseconds until the last of them was answered.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Burst {
    /// Each the first login of a user.
    pub(crate) first: Vec<u64>,
    /// All of one user who is here already.
    pub(crate) second: Vec<u64>,
}

pub(super) fn run(server: &str, count: u32, rounds: u32) -> Burst {
    let server = if server == "ck" { Server::Ck } else { Server::Floor };
    let settle = || {
        if server == Server::Ck {
            await_no_teardown();
        }
        sleep(PAUSE);
    };
    let mut burst = Burst::default();
    let mut number = 0;
    for _ in 0..rounds {
        burst.first.push(at_once(server, count, &mut number, |lane| FIRST + lane));
        settle();
        let here = server.open(FIRST, number);
        number += 1;
        burst.second.push(at_once(server, count, &mut number, |_| FIRST));
        server.close(&here);
        settle();
    }
    burst
}

/// Opens at once, closes one after the other; how long the opens took.
fn at_once(server: Server, count: u32, number: &mut u64, uid: impl Fn(u32) -> u32 + Sync) -> u64 {
    let before = *number;
    *number += u64::from(count);
    let barrier = Barrier::new(usize::try_from(count).expect("a count"));
    let times = scope(|scope| {
        let open = |lane: u32| {
            let (barrier, uid) = (&barrier, &uid);
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                let close = server.open(uid(lane), before + u64::from(lane));
                (start, Instant::now(), close)
            })
        };
        let lanes: Vec<_> = (0..count).map(open).collect();
        lanes.into_iter().map(|lane| lane.join().expect("a lane")).collect::<Vec<_>>()
    });
    let first = times.iter().map(|lane| lane.0).min().expect("a lane");
    let last = times.iter().map(|lane| lane.1).max().expect("a lane");
    times.iter().for_each(|lane| server.close(&lane.2));
    u64::try_from(last.duration_since(first).as_nanos()).expect("less than 500 years")
}
