//! Every call, in both kinds of runtime directories.

use super::{crash, machine, run};
use std::time::Duration;

/// More than a broker makes in any of it.
const EVERY: &str = "10000";
const LIMIT: Duration = Duration::from_secs(300);

#[test]
fn at_every_call_with_tmpfs() {
    print!("{}", crash("tmpfs", 1, EVERY, LIMIT));
}

#[test]
fn at_every_call_with_plain_directories() {
    print!("{}", crash("directory", 1, EVERY, LIMIT));
}

/// In each of these, the broker starts another publisher after two seconds.
#[test]
fn of_the_publisher_at_every_call() {
    let machine = machine("tmpfs");
    print!("{}", run(&machine, &["publisher"], LIMIT));
}
