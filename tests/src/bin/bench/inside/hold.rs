//! Sessions that are held, by processes that live.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::packet::Server;

/// The first uid of those that are nobody.
const FIRST: u32 = 10_000;

/// Leaders that live until this value is dropped or killed.
pub(super) struct Leaders {
    pub(super) processes: Vec<Child>,
    /// Their standard input: its end is theirs.
    _tie: UnixStream,
}

impl Leaders {
    /// Starts `count` of them with `each` sessions, `together` of them as one user, and waits until all are open.
    pub(super) fn start(count: u32, each: u32, together: u32) -> Self {
        raise_limit();
        let (tie, inputs) = UnixStream::pair().expect("a pair of sockets");
        let (mut told, outputs) = UnixStream::pair().expect("a pair of sockets");
        let program = std::env::current_exe().expect("our own path");
        let start = |number: u32| {
            let uid = FIRST + number / together;
            Command::new(&program)
                .args(["inside", "leader", &uid.to_string(), &each.to_string()])
                .stdin(shared(&inputs))
                .stdout(shared(&outputs))
                .spawn()
                .expect("start a leader")
        };
        let processes: Vec<Child> = (0..count).map(start).collect();
        drop(outputs);
        let mut bytes = vec![0; usize::try_from(count).expect("a count")];
        told.read_exact(&mut bytes).expect("all leaders have their sessions");
        Self { processes, _tie: tie }
    }
}

fn shared(socket: &UnixStream) -> Stdio {
    OwnedFd::from(socket.try_clone().expect("duplicate a descriptor")).into()
}

/// As many descriptors as there may be.
fn raise_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("setrlimit");
}

/// Holds them, after it has said `held`, until this process is killed.
pub(super) fn run(count: u32, each: u32, together: u32) {
    let _leaders = Leaders::start(count, each, together);
    println!("held");
    loop {
        std::thread::park();
    }
}

/// Opens sessions, says so by one byte, and holds them until standard input ends.
pub(super) fn lead(uid: u32, each: u32) {
    for number in 0..each {
        Server::Ck.open(uid, number.into());
    }
    print!("+");
    std::io::Write::flush(&mut std::io::stdout()).expect("tell who waits");
    let _ = std::io::stdin().read(&mut [0]);
}
