//! A broker that starts with the records of sessions whose leaders live.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::hold::Leaders;
use super::packet::status;
use super::since;
use super::vitals;

/// Sessions of one user.
const TOGETHER: u32 = 10;

/// Starts of one broker after the other.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Start {
    /// Nanoseconds until it said that it is ready, without a record.
    pub(crate) empty: Vec<u64>,
    /// The same with all records.
    pub(crate) full: Vec<u64>,
    /// Sessions that it then had.
    pub(crate) sessions: u64,
    /// Resident, in KiB, of a broker that has started with them, and of the one that opened them.
    pub(crate) resident_after_start: u64,
    pub(crate) resident_of_opener: u64,
}

pub(super) fn run(records: u32, rounds: u32) -> Start {
    let mut result = Start::default();
    for _ in 0..rounds {
        let (broker, took) = start();
        result.empty.push(took);
        stop(broker);
    }
    let (mut broker, _) = start();
    let leaders = Leaders::start(records, 1, TOGETHER);
    result.resident_of_opener = resident(&broker);
    for _ in 0..rounds {
        stop(broker);
        let (next, took) = start();
        result.full.push(took);
        broker = next;
    }
    result.sessions = status().sessions;
    result.resident_after_start = resident(&broker);
    drop(leaders);
    stop(broker);
    result
}

/// Starts one and waits until it says that it is ready.
fn start() -> (Child, u64) {
    let start = Instant::now();
    // Descriptor 3 is the pipe that we read; the log goes elsewhere.
    let script = "exec /usr/sbin/ck-broker --ready-fd 3 3>&1 >/dev/null 2>/run/broker.log";
    let mut broker =
        Command::new("/bin/sh").args(["-c", script]).stdout(Stdio::piped()).spawn().expect("start ck-broker");
    let mut byte = [0];
    broker.stdout.take().expect("a pipe").read_exact(&mut byte).expect("ck-broker is ready");
    (broker, since(start))
}

fn stop(mut broker: Child) {
    kill_process(Pid::from_child(&broker), Signal::TERM).expect("kill");
    assert!(broker.wait().expect("wait").success());
}

fn resident(broker: &Child) -> u64 {
    let all = vitals::of(&["ck-broker"]);
    all.iter().find(|vitals| vitals.pid == broker.id()).map_or(0, |vitals| vitals.rss)
}
