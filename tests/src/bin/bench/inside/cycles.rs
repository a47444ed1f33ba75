//! Whole logins and logouts of one user: the first one, a second one beside it, and their ends.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::login::{DIRECTORY, Login, USER};

/// Nanoseconds of each step.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cycle {
    /// pam_start(3), which loads the modules.
    pub(crate) start: u64,
    /// pam_open_session(3) of the first session.
    pub(crate) first: u64,
    /// The same of the second.
    pub(crate) second_start: u64,
    pub(crate) second: u64,
    /// pam_close_session(3) of that one, so not of the last.
    pub(crate) close: u64,
    /// Of the last one.
    pub(crate) close_last: u64,
    /// Whether there was a directory meanwhile.
    pub(crate) directory: bool,
    /// Logins that were refused before: they are tried again.
    pub(crate) refused: u32,
}

/// How long what goes on after a logout may last.
const PATIENCE: Duration = Duration::from_secs(20);
/// Logins that are refused one after the other, before something is wrong.
const MOST: u32 = 20;
const AFTER_REFUSAL: Duration = Duration::from_millis(200);
/// A pause for what nothing shows, such as a worker that is still ending.
const SETTLE: Duration = Duration::from_millis(4);

pub(super) fn run(confdir: &str, service: &str, count: u32) -> Vec<Cycle> {
    (0..count).map(|_| cycle(confdir, service)).collect()
}

fn cycle(confdir: &str, service: &str) -> Cycle {
    let mut refused = 0;
    loop {
        if let Some(cycle) = try_cycle(confdir, service, refused) {
            return cycle;
        }
        refused += 1;
        assert!(refused < MOST, "{refused} logins were refused, one after the other");
        sleep(AFTER_REFUSAL);
    }
}

/// `None` where a login was refused.
fn try_cycle(confdir: &str, service: &str, refused: u32) -> Option<Cycle> {
    settle();
    let first = Login::try_open(confdir, service, USER)?;
    let Some(second) = Login::try_open(confdir, service, USER) else {
        first.close();
        return None;
    };
    let directory = Path::new(DIRECTORY).exists();
    let times = (first.start, first.open, second.start, second.open);
    let (close, close_last) = (second.close(), first.close());
    Some(Cycle {
        start: times.0,
        first: times.1,
        second_start: times.2,
        second: times.3,
        close,
        close_last,
        directory,
        refused,
    })
}

/// Waits until nothing is left of the login before: the next one is to be a first one.
fn settle() {
    let start = Instant::now();
    while Path::new(DIRECTORY).exists() {
        assert!(start.elapsed() < PATIENCE, "{DIRECTORY} stays after the last logout");
        sleep(Duration::from_millis(1));
    }
    sleep(SETTLE);
}
