//! Kills a broker with SIGKILL at one system call after another, and sees that the next one has everything right again.
//! Runs in a host, as root, on which the product is installed and no broker runs.
//!
//! - `crash KIND CROWD MOST`: does so in each of [`spans::SPANS`], at no more than MOST calls of each, spread over all of
//!   them, while `CROWD` sessions of others are held. KIND is that of the runtime directories, `tmpfs` or `directory`.
//!   Prints a line for each span.
//! - `crash publisher`: kills the process that writes the files for libsystemd, at each of its calls that others see.
//! - `crash leader UID`: one process that opens a session, for the above.

mod broker;
mod leader;
mod published;
mod publisher;
mod scene;
mod spans;
mod tracer;

use std::time::Instant;

use scene::Scene;
use spans::{SPANS, Span};
use tracer::{Call, Kill};

/// Users that the crowd is made of.
const CROWD_USERS: usize = 10;
const FIRST_OF_CROWD: u32 = 3001;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["leader", uid] => leader::run(uid.parse().expect("a uid")),
        ["publisher"] => {
            let mut scene = Scene::new("tmpfs", std::iter::empty());
            kill_in_each(&mut scene, "the publisher", &publisher::SPANS, publisher::is_seen, usize::MAX);
            scene.end();
        }
        [kind, crowd, most] => {
            let crowd = crowd.parse().expect("a count");
            let uids = (FIRST_OF_CROWD..).take(CROWD_USERS).cycle().take(crowd);
            let mut scene = Scene::new(kind, uids);
            kill_in_each(&mut scene, kind, &SPANS, |_| true, most.parse().expect("a number"));
            scene.end();
        }
        _ => panic!("usage: see the head of crash/main.rs"),
    }
}

/// In each span, kills at calls that count, and at no more than `most`.
fn kill_in_each(
    scene: &mut Scene,
    title: &str,
    spans: &[(&str, &[bool], Span)],
    counts: fn(&Call) -> bool,
    most: usize,
) {
    for (name, modules, span) in spans {
        let start = Instant::now();
        let Tried { calls, killed, missed } = kill_at_each(scene, modules, *span, counts, most);
        println!(
            "{title}: {name}: {calls} calls, killed {killed} times in {} ms",
            start.elapsed().as_millis()
        );
        // A process may take one step more or less than another time.
        assert!(missed.len() * 4 <= killed, "killed {killed} times, but not at {missed:?}");
    }
}

/// What came of killing a process at its calls.
#[derive(Default)]
struct Tried {
    calls: usize,
    killed: usize,
    /// Where it had come to the end before.
    missed: Vec<Call>,
}

/// Does it once without a kill, to learn the calls; then with one before each that is to be tried.
fn kill_at_each(
    scene: &mut Scene,
    modules: &[bool],
    span: Span,
    counts: fn(&Call) -> bool,
    most: usize,
) -> Tried {
    assert!(!span(scene, &Kill::default()), "it died by itself");
    let calls: Vec<Call> = tracer::calls().into_iter().filter(counts).collect();
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
