//! What is left: a line each on standard error, and one JSON object on standard output.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::Uid;
use rustix::io::Errno;
use rustix::process::Pid;
use serde::Serialize;

use crate::PROGRAM;
use crate::answer::Answer;
use crate::arguments::{Request, SweepRequest};
use crate::cause::Cause;
use crate::worker::WorkerError;

/// Leftovers that are named; the rest is counted.
const MAX_NAMED: usize = 100;

/// What fails when the machine has no more of it: processes, memory, descriptors. It may have later.
const MEANS: [Errno; 4] = [Errno::AGAIN, Errno::NOMEM, Errno::NFILE, Errno::MFILE];

/// Longest path of a leftover that is shown in full, in bytes before escaping; of a longer one both ends are.
const MAX_SHOWN_PATH: usize = 4096;

/// Exit status when nothing is left.
pub(crate) const GONE: u8 = 0;

/// Exit status when something is left.
pub(crate) const LEFT: u8 = 1;

/// Exit status when a child hangs in the kernel.
const LEFT_BEHIND: u8 = 3;

/// Exit status when something is left, and another run will come further.
const HINDERED: u8 = 4;

/// Something that could not be removed.
#[derive(Debug, Serialize)]
struct Leftover {
    /// Escaped, see [`escape`].
    path: String,
    errno: String,
    message: String,
}

/// The leftovers of one sweep: the first ones by name, all by number.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    named: Vec<Leftover>,
    limit: usize,
    total: u64,
}

impl Leftovers {
    /// An empty list that names as many as a report may hold.
    pub(crate) fn named() -> Self {
        Self { limit: MAX_NAMED, ..Self::default() }
    }

    /// An empty list that only counts.
    pub(crate) fn counted() -> Self {
        Self::default()
    }

    /// Adds what `path` says, which is asked only if there is room for the answer.
    pub(crate) fn add(&mut self, errno: Errno, path: impl FnOnce() -> Vec<u8>) {
        let cause = Cause(errno);
        self.add_with(cause, cause.message().to_owned(), path);
    }

    /// Adds what `path` says, with words of its own.
    pub(crate) fn add_with(&mut self, cause: Cause, message: String, path: impl FnOnce() -> Vec<u8>) {
        self.total += 1;
        if self.named.len() < self.limit {
            self.named.push(Leftover { path: shown(&path()), errno: cause.name(), message });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn unnamed(&self) -> u64 {
        let named = u64::try_from(self.named.len()).unwrap_or(u64::MAX);
        self.total.saturating_sub(named)
    }
}

/// What ran out, so that another run may come further.
#[derive(Debug, Clone, Copy)]
enum Hindrance {
    Time,
    /// Something of the machine's.
    Means,
}

/// What a run has come to.
#[derive(Debug)]
pub(crate) struct Report {
    /// The directory's path as it was given.
    pub(crate) path: Vec<u8>,
    uid: u32,
    /// Names removed inside the directory; the directory itself does not count.
    pub(crate) removed: u64,
    /// Bytes that a tmpfs has given back; `None` where the directory is not a tmpfs, or shares one.
    pub(crate) bytes: Option<u64>,
    /// Mounts detached, on the directory and in it.
    pub(crate) detached: u64,
    /// Times that the tree was gone over, as the user or as root.
    pub(crate) passes: u64,
    /// Whether each of the user's passes was confined to the directory; `None` when there was none.
    pub(crate) confined: Option<bool>,
    pub(crate) leftovers: Leftovers,
    /// A child that hangs in the kernel.
    pub(crate) left_behind: Option<Pid>,
    hindrance: Option<Hindrance>,
    gone: bool,
}

/// The JSON object of `--json`.
#[derive(Serialize)]
struct Summary<'a> {
    dest: String,
    uid: u32,
    gone: bool,
    removed: u64,
    bytes: Option<u64>,
    mounts_detached: u64,
    passes: u64,
    confined: Option<bool>,
    leftovers: &'a [Leftover],
    leftovers_not_named: u64,
    abandoned: Option<i32>,
    ms: u128,
}

impl Report {
    /// A report in which nothing has happened.
    pub(crate) fn new(request: &Request) -> Self {
        Self::about(&request.dest, request.uid)
    }

    /// The same of a sweep, which has no report but where it goes wrong.
    pub(crate) fn of_sweep(request: &SweepRequest) -> Self {
        Self::about(&request.directory, Uid::ROOT)
    }

    fn about(path: &Path, uid: Uid) -> Self {
        Self {
            path: path.as_os_str().as_bytes().to_vec(),
            uid: uid.as_raw(),
            removed: 0,
            bytes: None,
            detached: 0,
            passes: 0,
            confined: None,
            leftovers: Leftovers::named(),
            left_behind: None,
            hindrance: None,
            gone: false,
        }
    }

    /// Counts what a tmpfs gave back, which held `before` and holds `after` bytes; unknown stays unknown.
    pub(crate) fn add_bytes(&mut self, before: Option<u64>, after: Option<u64>) {
        if let (Some(before), Some(after)) = (before, after) {
            self.bytes = Some(self.bytes.unwrap_or(0) + before.saturating_sub(after));
        }
    }

    /// The directory is gone, and with it whatever was left in it.
    pub(crate) fn set_gone(&mut self) {
        self.gone = true;
        self.leftovers = Leftovers::named();
    }

    /// The directory itself is left.
    pub(crate) fn directory_stays(&mut self, errno: Errno) {
        self.leftovers.add(errno, || self.path.clone());
    }

    /// The directory is left, because there was no more time.
    pub(crate) fn set_late(&mut self) {
        self.hindrance = Some(Hindrance::Time);
    }

    /// Nothing was done, because this failed.
    pub(crate) fn not_begun(&mut self, cause: Cause, text: &str) {
        let message = format!("not begun: {}: {}", escape(text.as_bytes()), cause.message());
        self.leftovers.add_with(cause, message, || self.path.clone());
        self.hindrance = MEANS.contains(&cause.0).then_some(Hindrance::Means);
    }

    /// The status with which the child that did the work ended; or, where it did not come to that, what there is to
    /// report in its place.
    pub(crate) fn conclude(
        mut self,
        ended: Result<Answer, WorkerError>,
        deadline: Instant,
    ) -> Result<u8, Self> {
        match ended {
            Ok(Answer { status: Some(status), .. }) => return Ok(status),
            Ok(Answer { failure: Some((cause, text)), .. }) => self.not_begun(cause, &text),
            Ok(answer) => {
                self.removed = answer.count.unwrap_or(0);
                self.left_behind = answer.left_behind;
                if self.left_behind.is_none() {
                    self.cut_short(deadline);
                }
            }
            Err(error) => self.not_begun(error.cause(), &error.to_string()),
        }
        Err(self)
    }

    /// The child was killed: when its time was over, or before, as where the machine has no more memory.
    fn cut_short(&mut self, deadline: Instant) {
        let (hindrance, errno) = match Instant::now() >= deadline {
            true => (Hindrance::Time, Errno::TIMEDOUT),
            false => (Hindrance::Means, Errno::INTR),
        };
        self.hindrance = Some(hindrance);
        self.directory_stays(errno);
    }

    /// Prints the report, with the object if `json`, and returns the status to exit with.
    pub(crate) fn publish(&self, json: bool, elapsed: Duration) -> u8 {
        if let Some(child) = self.left_behind {
            let (path, child) = (escape(&self.path), child.as_raw_pid());
            complain(&format!("{path}: child {child} hangs in the kernel and is left behind"));
        }
        for leftover in &self.leftovers.named {
            complain(&format!("{}: {} ({})", leftover.path, leftover.message, leftover.errno));
        }
        if self.leftovers.unnamed() > 0 {
            complain(&format!("{} more are left that are not named here", self.leftovers.unnamed()));
        }
        if json {
            self.publish_json(elapsed);
        }
        self.status()
    }

    fn status(&self) -> u8 {
        match self.hindrance {
            _ if self.left_behind.is_some() => LEFT_BEHIND,
            _ if self.gone => GONE,
            // Without any progress more time may not help.
            Some(Hindrance::Time) if self.removed + self.detached == 0 => LEFT,
            Some(_) => HINDERED,
            None => LEFT,
        }
    }

    fn publish_json(&self, elapsed: Duration) {
        let summary = Summary {
            dest: escape(&self.path),
            uid: self.uid,
            gone: self.gone,
            removed: self.removed,
            bytes: self.bytes,
            mounts_detached: self.detached,
            passes: self.passes,
            confined: self.confined,
            leftovers: &self.leftovers.named,
            leftovers_not_named: self.leftovers.unnamed(),
            abandoned: self.left_behind.map(|child| child.as_raw_pid()),
            ms: elapsed.as_millis(),
        };
        if let Ok(object) = serde_json::to_string(&summary) {
            let _ = writeln!(io::stdout(), "{object}");
        }
    }
}

/// Writes one line to standard error; one that cannot be written is lost.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{PROGRAM}: {line}");
}

/// The path as it is shown: escaped, the middle of a very long one left out.
fn shown(path: &[u8]) -> String {
    if path.len() <= MAX_SHOWN_PATH {
        return escape(path);
    }
    let (head, _) = path.split_at(MAX_SHOWN_PATH / 2);
    let (_, tail) = path.split_at(path.len() - MAX_SHOWN_PATH / 2);
    format!("{} [...] {}", escape(head), escape(tail))
}

/// The bytes of a name as one line of text that a terminal shows and does not obey: what is printable UTF-8
/// stays as it is, everything else (and the backslash) becomes `\n`, `\u{1b}`, `\xff` and the like.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\'' | '"' => text.push(character),
                _ => text.extend(character.escape_debug()),
            }
        }
        text.extend(chunk.invalid().escape_ascii().map(char::from));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_and_not_obeyed() {
        assert_eq!(escape(b"/run/user/2001/a b"), "/run/user/2001/a b");
        assert_eq!(escape("/目录/it's".as_bytes()), "/目录/it's");
        assert_eq!(escape(b"a\nb\x1b[31m\xff\\"), r"a\nb\u{1b}[31m\xff\\");
        assert_eq!(escape("\u{202e}gnp".as_bytes()), r"\u{202e}gnp", "text direction is not obeyed either");
    }

    #[test]
    fn a_long_path_keeps_both_ends() {
        let path = [b"/top/".as_slice(), &b"x".repeat(100_000), b"/end"].concat();
        let text = shown(&path);
        assert!(text.starts_with("/top/x") && text.ends_with("x/end") && text.contains(" [...] "));
        assert!(text.len() < MAX_SHOWN_PATH + 20);
    }

    #[test]
    fn leftovers_beyond_the_limit_are_counted() {
        let mut leftovers = Leftovers::named();
        for _ in 0..MAX_NAMED + 7 {
            leftovers.add(Errno::PERM, || b"/x".to_vec());
        }
        assert_eq!((leftovers.named.len(), leftovers.unnamed()), (MAX_NAMED, 7));
        assert_eq!(leftovers.named[0].errno, "EPERM");
    }

    #[test]
    fn counting_never_asks_for_a_path() {
        let mut leftovers = Leftovers::counted();
        leftovers.add(Errno::PERM, || unreachable!("not asked"));
        assert!(!leftovers.is_empty());
    }
}
