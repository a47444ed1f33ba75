//! Speaks to a broker as the PAM module and `ckctl` do, without what surrounds those, so that thousands of logins can
//! be made, and the broker's own time be measured. Runs in a host, as root.
//!
//! - `broker-load stall UID`: how long the loop takes to answer: idle, while a large directory of the uid is torn
//!   down, and while somebody else removes as much
//! - `broker-load logins UID OTHER`: the same of whole logins of the uid `OTHER`
//! - `broker-load overlap UID PROCESSES MILLISECONDS`: sessions that begin and end across each other, each of which
//!   looks after its directory
//! - `broker-load fill UID`: opens sessions until no more are given, prints how many and why, and holds them
//! - `broker-load hold UID COUNT`: opens that many, prints `held`, and holds them
//! - `broker-load flood`: asks on `admin.sock` as often as it goes, by one connection after another
//! - `broker-load idle UID`: how long whole logins of the uid take
//!
//! The first two, and the last, print lines of `NAME MEDIAN P99 MAX COUNT`, in microseconds.

mod client;
mod fill;
mod latency;
mod overlap;
mod user;

use std::time::Duration;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["stall", uid] => latency::stall(number(uid)),
        ["logins", uid, other] => latency::logins(number(uid), number(other)),
        ["overlap", uid, processes, millis] => {
            overlap::run(uid, number(processes), Duration::from_millis(number(millis).into()));
        }
        ["fill", uid] => fill::fill(number(uid)),
        ["hold", uid, count] => fill::hold(number(uid), number(count)),
        ["flood"] => fill::flood(),
        ["idle", uid] => latency::idle(number(uid)),
        // One process of `overlap`.
        ["overlap", uid, millis] => {
            overlap::run_one(number(uid), Duration::from_millis(number(millis).into()));
        }
        _ => panic!("usage: see the head of broker-load/main.rs"),
    }
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or_else(|error| panic!("{word}: {error}"))
}
