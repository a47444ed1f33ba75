//! `pid-reuse far|near`: has a leader open a session, and kills it and the broker in such a way that the broker never sees the
//! leader's end. Leaves a process behind that has the leader's pid, and prints that. In a host, as root of its pid
//! namespace. With `near`, both started within one tick of the clock by which the kernel tells when a process started;
//! with `far`, not.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use ck_protocol::{Reply, Token};
use ck_tests::wire::{self, Wire};
use rustix::process::{Pid, Signal, kill_process};

const UID: u32 = 2001;
/// `ns_last_pid` says which pid comes next, and anybody may be quicker: so it takes a few tries.
const TRIES: u32 = 2_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["leader", number] => lead(number.parse().expect("a number")),
        [distance @ ("far" | "near")] => {
            let heir = (0..TRIES).find_map(|_| heir(distance == "near")).expect("a pid used again");
            println!("{heir}");
        }
        _ => panic!("usage: pid-reuse far|near"),
    }
}

/// A process with the pid of a leader that has just died. `None` if that did not come about: then all are gone.
#[expect(clippy::zombie_processes, reason = "the process that is returned outlives this one")]
fn heir(near: bool) -> Option<u32> {
    let broker = broker();
    let mut leader = Command::new(std::env::current_exe().expect("our own path"))
        .args(["leader", &UID.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a leader");
    let pid = leader.id();
    let begun = started(pid);
    let mut line = String::new();
    BufReader::new(leader.stdout.take().expect("a pipe")).read_line(&mut line).expect("read from the leader");
    assert_eq!(line, "open\n");
    if !near {
        std::thread::sleep(Duration::from_millis(30));
    }
    // It sees nothing of what comes now, and never will if all goes well.
    kill_process(broker, Signal::STOP).expect("stop the broker");
    leader.kill().expect("kill the leader");
    leader.wait().expect("wait for the leader");
    fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).expect("write ns_last_pid");
    let mut heir = Command::new("sleep")
        .arg("1000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start sleep");
    if heir.id() == pid && (started(pid) == begun) == near {
        kill_process(broker, Signal::KILL).expect("kill the broker");
        return Some(pid);
    }
    kill_process(broker, Signal::CONT).expect("let the broker go on");
    heir.kill().expect("kill sleep");
    heir.wait().expect("wait for sleep");
    None
}

fn broker() -> Pid {
    let pid = fs::read_to_string("/run/ck-broker/state/lock").expect("a broker");
    Pid::from_raw(pid.trim().parse().expect("a pid")).expect("a pid")
}

/// When the process started: field 22 of proc_pid_stat(5), in ticks.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

fn lead(uid: u32) {
    let now = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970");
    let token = Token::new(now.as_nanos().to_le_bytes());
    let Ok(Reply::Opened(_)) = Wire::session().and_then(|wire| wire.ask(&wire::open(uid, token))) else {
        panic!("not opened")
    };
    println!("open");
    std::thread::sleep(Duration::from_secs(1000));
}
