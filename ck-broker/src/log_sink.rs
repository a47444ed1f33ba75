//! Messages, a line each, on standard error.

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{env, ffi::OsString, fmt::Write as _, io::Write as _};

/// The longest line, in bytes: `PIPE_BUF`, up to which a write to a pipe is one piece, and does
/// not block once the pipe has been found writable (pipe(7)).
const LINE: usize = 4096;

struct Stderr {
    /// Whether standard error leads to the journal, which reads a priority as `<N>`
    /// (sd-daemon(3)).
    journal: bool,
}

/// Set where standard error leads to the journal.
const JOURNAL: &str = "JOURNAL_STREAM";

/// The variable that a process of ours must have so that its messages look like these.
pub(crate) fn journal() -> Option<(&'static str, OsString)> {
    Some((JOURNAL, env::var_os(JOURNAL)?))
}

/// Sends all messages up to `level` to standard error from now on.
pub fn install(level: LevelFilter) {
    let journal = journal().is_some();
    if log::set_boxed_logger(Box::new(Stderr { journal })).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Stderr {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = line(self.journal, record.level(), &record.args().to_string());
        if is_writable() {
            // There is nowhere left to say that this failed.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

/// Whether a write would not block: a log reader that stands still must not hold logins up, so
/// what it does not take is lost.
fn is_writable() -> bool {
    let stderr = std::io::stderr();
    let mut probe = [PollFd::new(&stderr, PollFlags::OUT)];
    poll(&mut probe, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready == 1)
}

fn line(journal: bool, level: Level, message: &str) -> String {
    let (priority, word) = match level {
        Level::Error => (3, "error: "),
        Level::Warn => (4, "warning: "),
        Level::Info => (6, ""),
        Level::Debug | Level::Trace => (7, "debug: "),
    };
    let mut line = if journal { format!("<{priority}>") } else { format!("ck-broker: {word}") };
    // What came from outside was escaped where it was put in; a line break here would be our own.
    let _ = write!(line, "{}", message.replace('\n', " "));
    while line.len() >= LINE {
        line.pop();
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_bounded_line() {
        assert_eq!(line(true, Level::Warn, "a\nb"), "<4>a b\n");
        assert_eq!(line(false, Level::Error, "x"), "ck-broker: error: x\n");
        assert!(line(false, Level::Info, &"é".repeat(LINE)).len() <= LINE);
    }
}
