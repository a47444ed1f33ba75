//! Who was here, and when: read from the file that the broker has written (`docs/HISTORY.md`), as last(1) shows it.
//!
//! `line` is what one line of the file says, `stay` what all of them together do.

mod line;
mod since;
mod stay;

pub use since::{BadTime, Since};
pub use stay::{End, Stay};

use crate::{
    client::Client,
    json,
    screen::Screen,
    table::{self, NONE},
    time,
};
use ck_protocol::{Session, Timestamp, printable};
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

/// How long the line of a session that has just ended may need to get into the file.
const LAG: Duration = Duration::from_millis(100);
/// How often the files may be exchanged while they are being opened.
const TRIES: usize = 4;
/// The longest line that is looked at, in bytes: ten times what the broker writes.
const LONGEST: usize = 4000;
/// Names this run of the system: proc_sys_kernel(5). The file has its first eight digits.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";
const BOOT_LENGTH: usize = 8;

/// What is to be shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Query {
    /// Only of this user: a name, or a uid
    pub user: Option<String>,

    /// Only who was here at some time since: "2026-11-01", "2026-11-01 08:30", "08:30", "yesterday", "2h"
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,

    /// Only the last so many
    #[arg(short = 'n', long, value_name = "N")]
    pub limit: Option<usize>,

    /// The file, if the broker is configured to write another
    #[arg(long, value_name = "PATH", default_value = "/var/log/ck/history.jsonl")]
    pub file: PathBuf,
}

/// The history could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {}: {source}; {}", path.display(), advice(source))]
pub struct HistoryError {
    path: PathBuf,
    source: io::Error,
}

/// What to do about it. The broker cannot read the file for others: its disk might hang.
fn advice(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::PermissionDenied {
        "where admin.list = \"own\", the history is for root and administrators: ask them"
    } else {
        "--file names another"
    }
}

/// The sessions that `query` asks for, the newest first. Whether one lasts is asked of the broker at `socket`.
///
/// # Errors
/// [`HistoryError`]
pub fn stays(query: &Query, socket: &Path) -> Result<Vec<Stay>, HistoryError> {
    // First: so what is open by the file, and not by the broker, has ended, and that is told soon.
    let asked_at = SystemTime::now().into();
    let open = Client::connect(socket).and_then(|mut client| client.list()).ok();
    let mut stays = read(&query.file, open.as_deref(), asked_at)?;
    if stays.iter().any(|stay| stay.end == End::Gone) {
        sleep(LAG);
        stays = read(&query.file, open.as_deref(), asked_at)?;
    }
    let uid = query.user.as_ref().and_then(|user| user.parse::<u32>().ok());
    stays.retain(|stay| {
        let is_theirs = query.user.as_ref().is_none_or(|user| stay.user == *user || uid == Some(stay.uid));
        is_theirs && query.since.is_none_or(|since| stay.lasted_until(since.0))
    });
    stays.reverse();
    stays.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(stays)
}

/// All sessions, the oldest first.
fn read(path: &Path, open: Option<&[Session]>, asked_at: Timestamp) -> Result<Vec<Stay>, HistoryError> {
    let failed = |source| HistoryError { path: path.to_owned(), source };
    let boot = std::fs::read_to_string(BOOT).unwrap_or_default();
    let boot: String = boot.chars().filter(char::is_ascii_hexdigit).take(BOOT_LENGTH).collect();
    let mut stays = stay::Stays::default();
    for file in files(path).map_err(failed)? {
        lines(BufReader::new(file), |line| stays.take(line)).map_err(failed)?;
    }
    Ok(stays.finish(&boot, open, asked_at))
}

/// The file before, and the file, as far as they are there. The second may become the first meanwhile.
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

/// Takes what is a line; what is none, as one that was not written to its end, is left out.
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

/// A line a session, then their count.
#[must_use]
pub fn table(stays: &[Stay], screen: Screen) -> String {
    let heading = "USER\tSERVICE\tTTY\tREMOTE HOST\tFROM\tTO\tDURATION";
    table::list(stays, "session", heading, screen, |stay| {
        let shown = |text: Option<&String>| text.map_or(NONE.to_owned(), |text| printable(text).to_string());
        table::row(&[
            &printable(&stay.user),
            &printable(&stay.service),
            &shown(stay.tty.as_ref()),
            &shown(stay.remote_host.as_ref()),
            &time::for_people(stay.opened_at),
            &to(stay),
            &lasted(stay),
        ])
    })
}

fn to(stay: &Stay) -> String {
    match stay.end {
        End::Open => "still logged in".to_owned(),
        End::Ended | End::Late => stay.ended_at.map_or(NONE.to_owned(), time::for_people),
        other => other.as_str().to_owned(),
    }
}

fn lasted(stay: &Stay) -> String {
    let Some(lasted) = stay.duration else { return NONE.to_owned() };
    let shown = time::duration(lasted);
    if stay.end == End::Late { format!("up to {shown}") } else { shown }
}

/// An object a line.
///
/// # Errors
/// Those of [`serde_json`].
pub fn json(stays: &[Stay]) -> serde_json::Result<String> {
    stays.iter().map(|stay| json::line(&stay::Json::from(stay))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_line_is_left_out() {
        let good = r#"{"time":"2026-11-23T15:51:11.000001Z","up":1.5,"boot":"ab","event":"broker_started","new":[1]}"#;
        let text = format!("{good}\n\n{{\"time\":\"2026-\n{good}\n[]\n\u{0}\u{0}\n{good}\n{{\"time\":\"20");
        let mut count = 0;
        lines(text.as_bytes(), |_| count += 1).unwrap();
        assert_eq!(count, 3);
    }
}
