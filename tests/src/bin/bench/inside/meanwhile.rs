//! Logins of another user while a large directory goes: by libpam, so that it can be asked of every session manager.

use std::fs;
use std::path::Path;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::login::{DIRECTORY, Login, UID, USER};
use super::since;
use super::tree::{fill, make_elsewhere, remover};

const OTHER: &str = "bob";
const PAUSE: Duration = Duration::from_millis(3);
/// How long nothing else goes on, before.
const BEFORE: Duration = Duration::from_millis(1500);
/// How long a teardown may take to begin.
const BEGIN: Duration = Duration::from_millis(300);

/// One login.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Moment {
    /// Nanoseconds between the begin of the removal and this login's; negative before it.
    pub(crate) at: i64,
    /// Nanoseconds that pam_open_session(3) took; `None` where it refused the login.
    pub(crate) took: Option<u64>,
    /// Whether something was being removed when it began.
    pub(crate) busy: bool,
}

/// With `how` = `logout`, alice logs out and leaves the files; with `rm`, somebody removes as many elsewhere.
pub(super) fn run(confdir: &str, service: &str, files: u32, how: &str) -> Vec<Moment> {
    let bob = |at: i64, busy: bool| {
        let login = Login::try_open(confdir, service, OTHER);
        let took = login.as_ref().map(|login| login.open);
        login.map(Login::close);
        sleep(PAUSE);
        Moment { at, took, busy }
    };
    let login = (how == "logout").then(|| Login::open(confdir, service, USER));
    if login.is_some() {
        fill(Path::new(DIRECTORY), files)
    } else {
        make_elsewhere(files)
    }
    let idle = Instant::now();
    let mut moments = Vec::new();
    while idle.elapsed() < BEFORE {
        moments.push(bob(signed(since(idle)) - signed_millis(BEFORE), false));
    }
    scope(|scope| {
        let start = Instant::now();
        let remover = scope.spawn(|| match login {
            Some(login) => login.close(),
            None => u64::from(!remover().status().expect("rm").success()),
        });
        let mut begun = false;
        loop {
            let busy = !remover.is_finished() || goes_on();
            begun |= busy;
            if !busy && (begun || start.elapsed() > BEGIN) {
                break;
            }
            moments.push(bob(signed(since(start)), busy));
        }
    });
    moments
}

fn signed(nanos: u64) -> i64 {
    i64::try_from(nanos).expect("less than 300 years")
}

fn signed_millis(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).expect("less than 300 years")
}

/// Whether alice's directory is still there, or a worker that removes it.
fn goes_on() -> bool {
    Path::new(DIRECTORY).exists() || has_worker()
}

fn has_worker() -> bool {
    let wanted = format!("\0--uid={UID}\0");
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .map(|process| process.path().join("cmdline"))
        .any(|path| fs::read_to_string(path).is_ok_and(|line| line.contains(&wanted)))
}
