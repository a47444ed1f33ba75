//! What libsystemd reads of all this, which must be what the table says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::broker::log;
use crate::scene::Held;

const SESSIONS: &str = "/run/systemd/sessions";
const USERS: &str = "/run/systemd/users";
/// The first line of the broker's own files.
const MARK: &str = "# This file belongs to ck-broker.";
/// Begins the names of files that are being written.
const NEW: &str = ".ck-";
/// The next publisher is started within seconds.
const LONGEST: Duration = Duration::from_secs(20);

/// The broker's own files, by name, each with those of its lines that matter here.
type Files = BTreeMap<String, BTreeSet<String>>;

/// Waits until the files are those of `held` and of their users, and no others.
pub(crate) fn check(held: &[Held]) {
    let (start, wanted) = (Instant::now(), wanted(held));
    while found() != wanted {
        assert!(start.elapsed() < LONGEST, "{:?} are there, and not {wanted:?}: {}", found(), log());
        sleep(Duration::from_millis(1));
    }
}

/// Whether they are those now.
pub(crate) fn are(held: &[Held]) -> bool {
    found() == wanted(held)
}

fn wanted(held: &[Held]) -> (Files, Files) {
    let mut ids: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for held in held {
        ids.entry(held.uid).or_default().push(held.id.to_string());
    }
    let session = |held: &Held| BTreeSet::from([format!("UID={}", held.uid), format!("LEADER={}", held.pid)]);
    // A shell reads them, which wants quotation marks around a list.
    let user = |ids: &[String]| match ids {
        [id] => BTreeSet::from([format!("SESSIONS={id}")]),
        ids => BTreeSet::from([format!("SESSIONS=\"{}\"", ids.join(" "))]),
    };
    (
        held.iter().map(|held| (held.id.to_string(), session(held))).collect(),
        ids.iter().map(|(uid, ids)| (uid.to_string(), user(ids))).collect(),
    )
}

fn found() -> (Files, Files) {
    (ours(SESSIONS, &["UID=", "LEADER="]), ours(USERS, &["SESSIONS="]))
}

/// Files of ours, also those that are being written, with the lines that begin so.
fn ours(directory: &str, keys: &[&str]) -> Files {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let file = |name: String| {
        // It may go meanwhile.
        let text = fs::read_to_string(Path::new(directory).join(&name)).unwrap_or_default();
        let is_ours = text.lines().next() == Some(MARK) || name.starts_with(NEW);
        let has_key = |line: &&str| keys.iter().any(|key| line.starts_with(key));
        is_ours.then(|| (name, text.lines().filter(has_key).map(str::to_owned).collect()))
    };
    names.filter_map(file).collect()
}

/// Files that are not right, as a publisher leaves them that was killed long ago, and one of another program.
pub(crate) fn plant() {
    let stale = format!("{MARK}\nUID=2999\nLEADER=1\n");
    for path in [format!("{SESSIONS}/77"), format!("{USERS}/2999"), format!("{SESSIONS}/{NEW}77")] {
        fs::write(path, &stale).expect("write a file");
    }
    fs::write(format!("{USERS}/{NEW}2999"), "").expect("write a file");
    fs::write(format!("{SESSIONS}/theirs"), "UID=0\n").expect("write a file");
}

/// The file of the other program is as it was.
pub(crate) fn remove_theirs() {
    let theirs = format!("{SESSIONS}/theirs");
    assert_eq!(fs::read_to_string(&theirs).expect("the file of another program"), "UID=0\n");
    fs::remove_file(theirs).expect("remove a file");
}
