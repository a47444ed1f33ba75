//! The history of sessions, as last(1) shows it. It is read from the file that the broker has written: docs/HISTORY.md.
//!
//! `line` reads one line of the file. `entry` makes sessions out of all lines.

mod entry;
mod line;
mod since;

pub use entry::{End, Entry};
pub use since::{InvalidTime, Since};

use crate::{
    account::{self, AccountError},
    client::Client,
    layout::{Cell, Column, Layout},
    output::{Output, OutputError},
};
use ck_protocol::{Session, Timestamp};
use line::Line;
use std::{
    ffi::OsString,
    fs::File,
    io::{self, BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, SystemTime},
};

/// How long it takes until the end of a session is in the file.
const LAG: Duration = Duration::from_millis(100);
/// How often the files are opened again if they were rotated meanwhile.
const TRIES: usize = 4;
/// The longest line that is read, in bytes: ten times what the broker writes.
const LONGEST: usize = 4000;
/// The id of this boot: proc_sys_kernel(5). The history has its first eight digits.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
const BOOT_LENGTH: usize = 8;

/// Which part of the history is shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Query {
    /// Only sessions of this user: a name or a uid
    pub user: Option<OsString>,

    /// Only sessions that were open at this time or later: "2026-11-01", "2026-11-01 08:30", "08:30", "yesterday", "2h"
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,

    /// Only the last N sessions
    #[arg(short = 'n', long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub limit: Option<usize>,

    /// The file of the history, if history.file in broker.toml(5) names another one
    #[arg(long, value_name = "PATH", default_value = "/var/log/ck/history.jsonl")]
    pub file: PathBuf,
}

/// A number of sessions, as it is written on the command line.
fn count(text: &str) -> Result<usize, &'static str> {
    text.parse().map_err(|_| "use a whole number such as 10")
}

/// Why the history is not shown.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file could not be read.
    #[error("cannot read {}: {source}; {}", path.display(), advice(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// The user is unknown, and not in the history either.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// The history could not be written in the requested form.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// What to do about an error. The broker does not read the file for others, because its disk might hang.
fn advice(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "where admin.list = \"own\", the history is for root and administrators: ask them"
    } else {
        "give the right file with --file"
    }
}

/// The sessions that `query` asks for, the newest first. The broker at `socket` says which of them are open.
///
/// # Errors
/// [`HistoryError`]
pub fn entries(query: &Query, socket: &Path) -> Result<Vec<Entry>, HistoryError> {
    // The broker is asked first. So a session that is open in the file, and that the broker does not list, has ended, and
    // its end will soon be in the file.
    let asked_at = SystemTime::now().into();
    let open = Client::connect(socket).and_then(|mut client| client.list()).ok();
    let mut entries = read(&query.file, open.as_deref(), asked_at)?;
    if entries.iter().any(|entry| entry.end == End::Gone) {
        sleep(LAG);
        entries = read(&query.file, open.as_deref(), asked_at)?;
    }
    if let Some(user) = &query.user {
        account::keep_items_of(&mut entries, user, |entry| (entry.uid, entry.user.as_bytes()))?;
    }
    entries.retain(|entry| query.since.is_none_or(|since| entry.lasted_until(since.0)));
    entries.reverse();
    entries.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(entries)
}

/// All sessions, the oldest first.
fn read(path: &Path, open: Option<&[Session]>, asked_at: Timestamp) -> Result<Vec<Entry>, HistoryError> {
    let failed = |source| HistoryError::Read { path: path.to_owned(), source };
    let boot = std::fs::read_to_string(BOOT).unwrap_or_default();
    let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(BOOT_LENGTH).collect();
    let mut entries = entry::Entries::default();
    for file in files(path).map_err(failed)? {
        lines(BufReader::new(file), |line| entries.take(line)).map_err(failed)?;
    }
    Ok(entries.finish(&boot, open, asked_at))
}

/// The rotated file and the current file, as far as they exist. The current file can be rotated meanwhile.
fn files(path: &Path) -> io::Result<Vec<File>> {
    let mut name = OsString::from(path);
    name.push(".1");
    let mut tries = TRIES;
    loop {
        tries -= 1;
        let (now, before) = (File::open(path), File::open(&name));
        let same = match (&now, &before) {
            (Ok(now), Ok(before)) => now.metadata()?.ino() == before.metadata()?.ino(),
            _ => false,
        };
        match (now, before) {
            _ if same && tries > 0 => {}
            (Ok(now), Ok(before)) => return Ok(vec![before, now]),
            (Ok(now), Err(_)) => return Ok(vec![now]),
            (Err(error), Ok(before)) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![before]),
            (Err(error), _) => return Err(error),
        }
    }
}

/// Reads the lines. A line that is not valid, such as one that was not written to its end, is skipped.
fn lines(mut file: impl BufRead, mut take: impl FnMut(Line)) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        if file.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(());
        }
        if bytes.len() <= LONGEST {
            if let Ok(line) = serde_json::from_slice(&bytes) {
                take(line);
            }
        }
    }
}

/// The columns of the history.
pub const LAYOUT: Layout<Entry> = Layout {
    noun: "session",
    columns: &[
        Column { name: "USER", meaning: "The name of the user.", cell: |entry| entry.user.as_str().into() },
        Column {
            name: "SERVICE",
            meaning: "The PAM service that the user logged in through.",
            cell: |entry| entry.service.as_str().into(),
        },
        Column {
            name: "TTY",
            meaning: "The terminal, without /dev/.",
            cell: |entry| entry.tty.as_deref().into(),
        },
        Column {
            name: "REMOTE HOST",
            meaning: "The host that the user logged in from.",
            cell: |entry| entry.remote_host.as_deref().into(),
        },
        Column { name: "FROM", meaning: "The time of the login.", cell: |entry| entry.opened_at.into() },
        Column { name: "TO", meaning: "The time of the end, or one of the words below.", cell: to },
        Column {
            name: "DURATION",
            meaning: "How long the session lasted. It has lasted at most so long if \"up to\" precedes it.",
            cell: |entry| entry.duration.map(|lasted| Cell::Duration(lasted, entry.end == End::Late)).into(),
        },
        Column { name: "ENDED BY", meaning: "Why it ended: one of the words below.", cell: ended_by },
    ],
    least_useful: &["ENDED BY", "SERVICE", "TTY", "DURATION", "TO"],
    elastic: None,
};

/// The words in the column TO and their meanings.
pub const ENDS: [(&str, &str); 4] = [
    ("still logged in", "The session has not ended."),
    ("down", "The system was shut down."),
    ("crash", "The system stopped without being shut down."),
    ("gone", "The session has ended, and the history does not say when."),
];

/// The words in the column ENDED BY and their meanings: the words of [`EndCause`](ck_protocol::EndCause) in JSON, with spaces.
pub const CAUSES: [(&str, &str); 7] = [
    ("logout", "The user logged out."),
    ("leader died", "The process that had logged the user in died without a logout."),
    ("terminated by USER", "This user, with the uid, ended it by ckctl terminate."),
    ("no reply", "The login was gone before it got its reply."),
    ("hooks not awaited", "The login did not wait for the hooks of its session."),
    ("leader unwatched", "The process that logged the user in could not be watched."),
    ("unseen", "It ended while no broker ran."),
];

fn ended_by(entry: &Entry) -> Cell {
    let by = |uid: u32| format!("terminated by {}", account::shown_with_uid(uid));
    let word = entry.ended_by.as_ref().map(|word| word.replace('_', " "));
    entry.terminated_by.map(by).or(word).as_deref().into()
}

fn to(entry: &Entry) -> Cell {
    match entry.end {
        End::Open => "still logged in".into(),
        End::Ended | End::Late => entry.ended_at.into(),
        other => other.as_str().into(),
    }
}

/// Reads the history; returns what is printed.
///
/// # Errors
/// [`HistoryError`]
pub fn text(query: &Query, socket: &Path, output: &Output<'_>) -> Result<String, HistoryError> {
    let found = entries(query, socket)?;
    Ok(output.lines(&LAYOUT, &found, entry::Json::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::EndCause;

    #[test]
    fn every_cause_is_explained() {
        let all = [
            EndCause::Logout,
            EndCause::LeaderDied,
            EndCause::Terminated { by: 0 },
            EndCause::NoReply,
            EndCause::HooksNotAwaited,
            EndCause::LeaderUnwatched,
            EndCause::Unseen,
        ];
        let word = |cause: EndCause| match cause {
            EndCause::Terminated { .. } => "terminated by USER".to_owned(),
            // A new variant belongs into `all`.
            EndCause::Logout
            | EndCause::LeaderDied
            | EndCause::NoReply
            | EndCause::HooksNotAwaited
            | EndCause::LeaderUnwatched
            | EndCause::Unseen => cause.as_str().replace('_', " "),
        };
        assert_eq!(CAUSES.map(|(word, _)| word.to_owned()), all.map(word));
    }

    #[test]
    fn invalid_lines_are_skipped() {
        let good = r#"{"time":"2026-11-23T15:51:11.000001Z","up":1.5,"boot":"ab","event":"broker_started","new":[1]}"#;
        let text = format!("{good}\n\n{{\"time\":\"2026-\n{good}\n[]\n\u{0}\u{0}\n{good}\n{{\"time\":\"20");
        let mut count = 0;
        lines(text.as_bytes(), |_| count += 1).unwrap();
        assert_eq!(count, 3);
    }
}
