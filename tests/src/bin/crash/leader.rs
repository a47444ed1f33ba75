//! A process that opens a session, and is its leader: the driver's own program, told what to do line by line.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ck_protocol::{Reply, SessionId, SessionRef, SessionRequest, Token};
use ck_tests::wire::{self, NoAnswer, Wire};

/// What a leader heard from the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Its session is open, and its runtime directory is there.
    Opened(SessionId),
    Closed,
    /// The broker died meanwhile, or was not there.
    Nothing,
}

/// A leader, from the driver's side.
pub(crate) struct Leader {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) uid: u32,
}

impl Leader {
    pub(crate) fn start(uid: u32) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("our own path"))
            .args(["leader", &uid.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start a leader");
        let orders = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, orders, answers, uid }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a pid")
    }

    /// Asks for the session, with the same token each time.
    pub(crate) fn open(&mut self) -> Heard {
        self.order("open")
    }

    /// Closes the session: by its id, or by the token if no answer ever came.
    pub(crate) fn close(&mut self) -> Heard {
        self.order("close")
    }

    fn order(&mut self, order: &str) -> Heard {
        writeln!(self.orders, "{order}").expect("a leader that lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("read from a leader");
        match line.trim().split_once(' ') {
            Some(("opened", id)) => Heard::Opened(id.parse().expect("an id")),
            None if line == "closed\n" => Heard::Closed,
            None if line == "nothing\n" => Heard::Nothing,
            _ => panic!("a leader said {line:?}"),
        }
    }

    /// Dies without a word to the broker.
    pub(crate) fn die(mut self) {
        self.child.kill().expect("kill a leader");
        self.child.wait().expect("wait for a leader");
    }
}

/// The leader's own side.
pub(crate) fn run(uid: u32) {
    let mut bits = [0; 16];
    bits[..4].copy_from_slice(&std::process::id().to_le_bytes());
    // Pids come again in a long run; tokens must not.
    let now = std::time::UNIX_EPOCH.elapsed().expect("a time after 1970");
    bits[4..12].copy_from_slice(&now.as_micros().to_le_bytes()[..8]);
    let token = Token::new(bits);
    let mut id = None;
    for order in std::io::stdin().lines() {
        let request = match order.expect("an order").as_str() {
            "open" => wire::open(uid, token),
            "close" => SessionRequest::Close(id.map_or(SessionRef::Token(token), SessionRef::Id)),
            other => panic!("{other:?} is no order"),
        };
        match Wire::session().and_then(|wire| wire.ask(&request)) {
            Ok(Reply::Opened(opened)) => {
                let path = opened.runtime_dir.expect("a runtime directory was told");
                let found = std::fs::metadata(path.as_str()).expect("it is there");
                assert_eq!((found.uid(), found.mode()), (uid, 0o40700), "{}", path.as_str());
                id = Some(opened.id);
                println!("opened {}", opened.id);
            }
            Ok(Reply::Closed) => println!("closed"),
            Ok(other) => panic!("the broker answered {other:?}"),
            Err(NoAnswer::Absent | NoAnswer::HungUp) => println!("nothing"),
        }
    }
}
