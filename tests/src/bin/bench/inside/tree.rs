//! A large directory at a logout, beside `rm -rf` of an equal one.

use std::fs::{self, File};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ck_protocol::{AdminRequest, Event, Reply};
use ck_tests::wire::Wire;
use serde::{Deserialize, Serialize};

use super::login::UID;
use super::packet::Server;
use super::since;
use super::user::as_user;

/// Files that are in one directory.
const IN_ONE: u32 = 10_000;
const ELSEWHERE: &str = "/tmp/elsewhere";
/// No teardown takes this long.
const LONGEST: Duration = Duration::from_secs(90);

/// Nanoseconds and processor time of both.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Pair {
    pub(crate) teardown: u64,
    pub(crate) teardown_cpu: u64,
    pub(crate) rm: u64,
    pub(crate) rm_cpu: u64,
    /// What the logout itself took.
    pub(crate) close: u64,
}

/// Each goes first in turn: the kernel frees some of what was removed later, at the expense of whatever runs then.
pub(super) fn run(files: u32, pairs: u32) -> Vec<Pair> {
    (0..pairs).map(|number| pair(files, number)).collect()
}

fn pair(files: u32, number: u32) -> Pair {
    let close = Server::Ck.open(UID, (1 << 50) + u64::from(number));
    fill(Path::new("/run/user/2001"), files);
    make_elsewhere(files);
    let mut pair = Pair::default();
    if number % 2 == 1 {
        (pair.rm, pair.rm_cpu) = removed();
    }
    let events = subscribe();
    let (before, start) = (cpu_of_workers(), Instant::now());
    Server::Ck.close(&close);
    pair.close = since(start);
    await_teardown(&events);
    pair.teardown = since(start);
    pair.teardown_cpu = cpu_of_workers() - before;
    if number % 2 == 0 {
        (pair.rm, pair.rm_cpu) = removed();
    }
    pair
}

/// A connection on which the broker tells what happens from now on.
fn subscribe() -> Wire {
    let wire = Wire::admin().expect("a broker");
    let mut reply = wire.ask(&AdminRequest::Subscribe);
    while !matches!(reply, Ok(Reply::Synced(_))) {
        assert!(reply.is_ok(), "{reply:?}");
        reply = wire.hear();
    }
    wire
}

/// Waits until a teardown is done. Whoever asked every millisecond would take that time from the worker, and not from
/// `rm`.
fn await_teardown(events: &Wire) {
    loop {
        match events.hear_within(LONGEST) {
            Ok(Some(Reply::Change(change))) if matches!(change.event, Event::TeardownFinished(_)) => return,
            Ok(Some(_)) => {}
            nothing => panic!("no end of a teardown: {nothing:?}"),
        }
    }
}

/// A tree like alice's that is none of the broker's business.
pub(super) fn make_elsewhere(files: u32) {
    fs::create_dir(ELSEWHERE).expect("a directory elsewhere");
    chown(ELSEWHERE, Some(UID), None).expect("chown");
    fill(Path::new(ELSEWHERE), files);
}

/// The command that removes it.
pub(super) fn remover() -> Command {
    let mut command = Command::new("chrt");
    // However we run, as a worker does: what else the machine does takes as much from both.
    command.args(["--other", "0", "nice", "-n", "5", "rm", "-rf", ELSEWHERE]);
    command
}

fn removed() -> (u64, u64) {
    let (before, start) = (cpu_of_children("self"), Instant::now());
    assert!(remover().status().expect("rm").success());
    (since(start), cpu_of_children("self") - before)
}

/// Makes that many empty files in `directory`, as alice.
pub(super) fn fill(directory: &Path, files: u32) {
    as_user(UID, || {
        for number in 0..files {
            let below = directory.join((number / IN_ONE).to_string());
            if number % IN_ONE == 0 {
                fs::create_dir(&below).expect("make a directory");
            }
            File::create(below.join(number.to_string())).expect("make a file");
        }
    });
}

/// What the workers that the broker has reaped have used.
fn cpu_of_workers() -> u64 {
    super::vitals::of(&["ck-broker"]).iter().map(|broker| cpu_of_children(&broker.pid.to_string())).sum()
}

/// Nanoseconds, of children that were waited for (proc_pid_stat(5)); the kernel tells hundredths of a second.
fn cpu_of_children(process: &str) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit_once(") ").expect("a stat line").1.split(' ').collect();
    let ticks: u64 = fields[13..15].iter().map(|ticks| ticks.parse::<u64>().expect("ticks")).sum();
    ticks * 10_000_000
}
