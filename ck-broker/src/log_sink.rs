//! Messages, a line each: on standard error, or to the system's log.

use crate::{
    lookup::{Last, find},
    poll,
    sys::Program,
};
use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::{
    event::PollFlags,
    fs::{FileType, fstat},
    net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, send, sendto, socket_with},
};
use std::{
    env,
    fmt::Write as _,
    io::{self, Write as _},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::OnceLock,
};

/// The longest line, in bytes: `PIPE_BUF`, up to which a write to a pipe is one piece, and does
/// not block once the pipe has been found writable (pipe(7)).
const LINE: usize = 4096;
/// The option by which messages go to the system's log.
const OPTION: &str = "--syslog";
/// Set where standard error leads to the journal.
const JOURNAL: &str = "JOURNAL_STREAM";
/// Where the log daemon listens: `_PATH_LOG` of syslog.h.
const SYSLOG: &str = "/dev/log";
/// `LOG_DAEMON`, RFC 5424 facility 3, in its place within a priority.
const DAEMON: u8 = 3 << 3;

/// Where messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Standard error.
    Stderr,
    /// The daemon that listens at /dev/log. What it does not take at once is lost.
    Syslog,
}

/// How a line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// As people and files have it.
    Plain,
    /// As the journal reads a priority: `<N>` (sd-daemon(3)).
    Journal,
    /// As RFC 3164 has it.
    Syslog,
}

enum Sink {
    Stderr(Style, Stream),
    /// Unconnected: a daemon that is started anew has another socket at the same place.
    Syslog(OwnedFd),
}

/// What standard error is, and so how a line is written to it without waiting: a log reader that stands still must not
/// hold logins up, so what it does not take at once is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// A file, which never makes a writer wait for a reader.
    File,
    /// A socket, as the journal's: it can be told not to wait.
    Socket,
    /// A pipe or a terminal: it is asked first.
    Other,
}

impl Stream {
    fn of(stderr: impl AsFd) -> Self {
        match fstat(stderr).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::RegularFile) => Self::File,
            Ok(FileType::Socket) => Self::Socket,
            _ => Self::Other,
        }
    }

    /// There is nowhere left to say that this failed.
    fn write(self, line: &[u8]) {
        let mut stderr = io::stderr();
        match self {
            Self::Socket => {
                let _ = send(&stderr, line, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            }
            Self::Other if !is_writable(&stderr) => {}
            Self::File | Self::Other => {
                let _ = stderr.write_all(line);
            }
        }
    }
}

/// Where messages go, once that is settled.
static INSTALLED: OnceLock<Target> = OnceLock::new();

/// Has the messages of a process of ours go where these go, and look like them.
pub(crate) fn pass_on(program: Program) -> Program {
    let mut program = program.inherit_stderr();
    if INSTALLED.get() == Some(&Target::Syslog) {
        program = program.arg(OPTION);
    }
    match env::var_os(JOURNAL) {
        Some(journal) => program.env(JOURNAL, journal),
        None => program,
    }
}

/// Sends all messages up to `level` to `target` from now on.
///
/// # Errors
/// There can be no socket.
pub fn install(target: Target, level: LevelFilter) -> io::Result<()> {
    let is_journal = env::var_os(JOURNAL).is_some();
    let sink = match target {
        Target::Stderr => {
            let style = if is_journal { Style::Journal } else { Style::Plain };
            Sink::Stderr(style, Stream::of(io::stderr()))
        }
        Target::Syslog => Sink::Syslog(socket()?),
    };
    if log::set_boxed_logger(Box::new(sink)).is_ok() {
        log::set_max_level(level);
        // The logger is set once, and so is this.
        let _ = INSTALLED.set(target);
    }
    Ok(())
}

fn socket() -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?)
}

impl Log for Sink {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    /// There is nowhere left to say that this failed.
    fn log(&self, record: &Record<'_>) {
        let message = record.args().to_string();
        match self {
            Self::Stderr(style, stream) => stream.write(line(*style, record.level(), &message).as_bytes()),
            Self::Syslog(socket) => {
                let line = line(Style::Syslog, record.level(), &message);
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                // Others can read /dev, and so hold whoever looks up a name there that is missing.
                let Ok(place) = find(Path::new(SYSLOG), Last::Follow) else { return };
                if let Ok(address) = SocketAddrUnix::new(&place.path) {
                    let _ = sendto(socket, line.trim_end().as_bytes(), flags, &address);
                }
            }
        }
    }

    fn flush(&self) {}
}

/// Whether a write of a line would not block: a pipe has a page for it then.
pub(crate) fn is_writable(sink: &impl AsFd) -> bool {
    poll::now(sink, PollFlags::OUT).is_ok_and(|state| !state.is_empty())
}

fn line(style: Style, level: Level, message: &str) -> String {
    let (priority, word) = match level {
        Level::Error => (3, "error: "),
        Level::Warn => (4, "warning: "),
        Level::Info => (6, ""),
        Level::Debug | Level::Trace => (7, "debug: "),
    };
    let mut line = match style {
        Style::Plain => format!("ck-broker: {word}"),
        Style::Journal => format!("<{priority}>"),
        Style::Syslog => format!("<{}>ck-broker[{}]: {word}", DAEMON | priority, std::process::id()),
    };
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
        assert_eq!(line(Style::Journal, Level::Warn, "a\nb"), "<4>a b\n");
        assert_eq!(line(Style::Plain, Level::Error, "x"), "ck-broker: error: x\n");
        let syslog = line(Style::Syslog, Level::Error, "x");
        assert_eq!(syslog, format!("<27>ck-broker[{}]: error: x\n", std::process::id()));
        assert!(line(Style::Plain, Level::Info, &"é".repeat(LINE)).len() <= LINE);
    }
}
