//! A peer that means harm: a driver for the tests, run in a host.
//!
//! - `hostile-peer frames SOCKET COUNT SEED`: random and mutated frames at `session` or `admin`, each of which must be
//!   answered as it deserves
//! - `hostile-peer facts`: logins whose facts hold what should be in no log and no path; holds them until it is killed
//! - `hostile-peer again COUNT`: logins, each of which is asked for on many connections at once
//! - `hostile-peer descriptors SOCKET PACKETS`: pushes descriptors along with requests, as many as a packet takes
//! - `hostile-peer linger PACKETS`: pushes connections at `admin`, the closing of which would take hours, until it is
//!   killed
//!
//! They print what became of it, a line each.

mod again;
mod descriptors;
mod facts;
mod frames;
mod mutation;
mod socket;

use std::fmt::Debug;
use std::str::FromStr;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["frames", "session", count, seed] => frames::send(frames::AT_SESSION, number(count), number(seed)),
        ["frames", "admin", count, seed] => frames::send(frames::AT_ADMIN, number(count), number(seed)),
        ["facts"] => facts::hold(),
        ["again", count] => again::ask(number(count)),
        ["descriptors", socket, packets] => descriptors::push(socket, number(packets)),
        ["linger", packets] => descriptors::push_lingering(number(packets)),
        _ => panic!("usage: see the head of hostile-peer/main.rs"),
    }
}

fn number<N: FromStr<Err: Debug>>(word: &str) -> N {
    word.parse().unwrap_or_else(|error| panic!("{word}: {error:?}"))
}
