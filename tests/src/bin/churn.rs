//! Logins that come and go in every way but in order: a driver for the tests, in a host, as root.
//!
//! - `churn COUNT LANES`: so many logins, in so many lanes at once. Every third one is closed; the leader of the next
//!   just ends, as when a later module refuses the login; that of the third is killed. Half of the lanes are of
//!   one user, the others of a user each.
//! - `churn leader UID WAY`: one of these.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use ck_protocol::{Reply, SessionRef, SessionRequest, Token};
use ck_tests::wire::{self, Wire};

const FIRST_UID: u32 = 3001;
const WAYS: [&str; 3] = ["closes", "ends", "waits"];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["leader", uid, way] => lead(uid.parse().expect("a uid"), way),
        [count, lanes] => run(count.parse().expect("a count"), lanes.parse().expect("a count")),
        _ => panic!("usage: see the head of churn.rs"),
    }
}

fn run(count: u32, lanes: u32) {
    std::thread::scope(|scope| {
        for lane in 0..lanes {
            let uid = FIRST_UID + if lane % 2 == 0 { 0 } else { lane };
            scope.spawn(move || (0..count / lanes).for_each(|number| cycle(uid, number)));
        }
    });
}

/// One login, from its process's start to its end.
fn cycle(uid: u32, number: u32) {
    let way = WAYS[usize::try_from(number).expect("a number") % WAYS.len()];
    let mut leader = Command::new(std::env::current_exe().expect("our own path"))
        .args(["leader", &uid.to_string(), way])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start a leader");
    if way == "waits" {
        let mut line = String::new();
        BufReader::new(leader.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("read from a leader");
        assert_eq!(line, "open\n");
        leader.kill().expect("kill a leader");
        leader.wait().expect("wait for a leader");
    } else {
        let status = leader.wait().expect("wait for a leader");
        assert!(status.success(), "a leader that {way}: {status}");
    }
}

fn lead(uid: u32, way: &str) {
    let mut bits = [0; 16];
    bits[..4].copy_from_slice(&std::process::id().to_le_bytes());
    // Pids come again in a long run; tokens must not.
    let now = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970");
    bits[4..12].copy_from_slice(&now.as_micros().to_le_bytes()[..8]);
    let Reply::Opened(opened) = ask(&wire::open(uid, Token::new(bits))) else { panic!("not opened") };
    assert!(opened.runtime_dir.is_some(), "no runtime directory was told");
    match way {
        "closes" => assert_eq!(ask(&SessionRequest::Close(SessionRef::Id(opened.id))), Reply::Closed),
        "waits" => {
            println!("open");
            // Until it is killed: nobody writes.
            std::io::stdin().lines().next();
        }
        _ => {}
    }
}

fn ask(request: &SessionRequest) -> Reply {
    Wire::session().and_then(|wire| wire.ask(request)).expect("a broker that answers")
}
