//! Kills a broker with SIGKILL at one system call after another, and sees that the next one has everything right again.
//! Runs in a host, as root, on which the product is installed and no broker runs.
//!
//! - `crash KIND CROWD MOST`: does so in each of [`spans::SPANS`], at no more than MOST calls of each, spread over all of
//!   them, while `CROWD` sessions of others are held. KIND is that of the runtime directories, `tmpfs` or `directory`.
//!   Prints a line for each span.
//! - `crash leader UID`: one process that opens a session, for the above.

mod broker;
mod leader;
mod scene;
mod spans;

use std::time::Instant;

use broker::{Call, Kill};
use scene::Scene;
use spans::{SPANS, Span};

/// Users that the crowd is made of.
const CROWD_USERS: usize = 10;
const FIRST_OF_CROWD: u32 = 3001;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["leader", uid] => leader::run(uid.parse().expect("a uid")),
        [kind, crowd, most] => run(kind, crowd.parse().expect("a count"), most.parse().expect("a number")),
        _ => panic!("usage: see the head of crash/main.rs"),
    }
}

fn run(kind: &str, crowd: usize, most: usize) {
    let uids = (FIRST_OF_CROWD..).take(CROWD_USERS).cycle().take(crowd);
    let mut scene = Scene::new(kind, uids);
    for (name, modules, span) in SPANS {
        let start = Instant::now();
        let Tried { calls, killed, missed } = kill_at_each(&mut scene, modules, span, most);
        println!(
            "{kind}: {name}: {calls} calls, killed {killed} times in {} ms",
            start.elapsed().as_millis()
        );
        // A broker may take one step more or less than another time.
        assert!(missed.len() * 4 <= killed, "killed {killed} times, but not at {missed:?}");
    }
    scene.end();
}

/// What came of killing a broker at its calls.
#[derive(Default)]
struct Tried {
    calls: usize,
    killed: usize,
    /// Where it had come to the end before.
    missed: Vec<Call>,
}

/// Does it once without a kill, to learn the calls; then with one before each that is to be tried.
fn kill_at_each(scene: &mut Scene, modules: &[bool], span: Span, most: usize) -> Tried {
    assert!(!span(scene, &Kill::default()), "the broker died by itself");
    let calls = broker::calls();
    let mut tried = Tried { calls: calls.len(), ..Tried::default() };
    for call in calls.iter().step_by(calls.len().div_ceil(most)) {
        for &asks_again in modules {
            if span(scene, &Kill { before: Some(call.clone()), asks_again }) {
                tried.killed += 1;
            } else {
                tried.missed.push(call.clone());
            }
        }
    }
    tried
}
