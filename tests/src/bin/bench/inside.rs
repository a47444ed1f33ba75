//! What runs in a host, as root: the same program, called `bench inside WORD...`. Prints JSON, but for those that only
//! stay.
//!
//! - `cycles CONFDIR SERVICE COUNT`: logins and logouts by libpam
//! - `floor`: the server that does the least
//! - `hold LEADERS EACH TOGETHER`: so many leaders with so many sessions each; so many leaders are one user
//! - `leader UID EACH`: one of these
//! - `logged-in CONFDIR SERVICE COUNT`: holds logins by libpam
//! - `burst ck|floor COUNT ROUNDS`: that many opens at once
//! - `storm LEADERS TOGETHER ROUNDS`: leaders that are killed at once
//! - `tree FILES PAIRS`: teardowns beside `rm -rf`
//! - `meanwhile CONFDIR SERVICE FILES HOW`: logins while a large directory goes
//! - `restart RECORDS ROUNDS`: starts of a broker that has records
//! - `vitals NAME...`: memory and context switches of processes
//! - `load COUNT MODULE...`: how long it takes to load modules

mod burst;
mod cycles;
mod floor;
mod hold;
mod load;
mod login;
mod meanwhile;
mod packet;
mod restart;
mod storm;
mod tree;
#[path = "../broker-load/user.rs"]
mod user;
mod vitals;

pub(crate) use burst::Burst;
pub(crate) use cycles::Cycle;
pub(crate) use meanwhile::Moment;
pub(crate) use restart::Start;
pub(crate) use storm::Storm;
pub(crate) use tree::Pair;
pub(crate) use vitals::Vitals;

use serde::Serialize;

/// Does what the words say.
pub(crate) fn run(words: &[&str]) {
    match *words {
        ["cycles", confdir, service, count] => print(&cycles::run(confdir, service, number(count))),
        ["floor"] => floor::serve(),
        ["hold", leaders, each, together] => hold::run(number(leaders), number(each), number(together)),
        ["leader", uid, each] => hold::lead(number(uid), number(each)),
        ["logged-in", confdir, service, count] => login::hold(confdir, service, number(count)),
        ["burst", server, count, rounds] => print(&burst::run(server, number(count), number(rounds))),
        ["storm", leaders, together, rounds] => {
            print(&storm::run(number(leaders), number(together), number(rounds)));
        }
        ["tree", files, pairs] => print(&tree::run(number(files), number(pairs))),
        ["meanwhile", confdir, service, files, how] => {
            print(&meanwhile::run(confdir, service, number(files), how));
        }
        ["restart", records, rounds] => print(&restart::run(number(records), number(rounds))),
        ["vitals", ref names @ ..] => print(&vitals::of(names)),
        ["load", count, ref modules @ ..] => print(&load::run(number(count), modules)),
        _ => panic!("usage: see the head of bench/inside.rs"),
    }
}

fn number(word: &str) -> u32 {
    word.parse().unwrap_or_else(|error| panic!("{word}: {error}"))
}

fn print(value: &impl Serialize) {
    println!("{}", serde_json::to_string(value).expect("JSON"));
}

/// Nanoseconds since `start`.
fn since(start: std::time::Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).expect("less than 500 years")
}
