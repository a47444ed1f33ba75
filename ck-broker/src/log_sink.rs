//! Logs messages, a line each, to standard error or to the system log.

use crate::{
    lookup::{Last, find},
    poll,
    sys::Program,
};
use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::{
    event::PollFlags,
    fs::{FileType, Mode, OFlags, fstat, open},
    io::write,
    net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, send, sendto, socket_with},
    termios::isatty,
};
use std::{
    env,
    fmt::Write as _,
    io::{self, Write as _},
    os::fd::{AsFd, OwnedFd},
    path::Path,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// The maximum length of a line, in bytes: `PIPE_BUF`. A write of this length to a pipe is atomic, and does not block
/// if the pipe is writable (pipe(7)).
const MAX_LINE: usize = 4096;
/// The option that sends messages to the system log.
const OPTION: &str = "--syslog";
/// This variable is set if standard error is the journal.
const JOURNAL: &str = "JOURNAL_STREAM";
/// The socket of the log daemon: `_PATH_LOG` of syslog.h.
const SYSLOG: &str = "/dev/log";
/// `LOG_DAEMON`, RFC 5424 facility 3, shifted to its position in a priority.
const DAEMON: u8 = 3 << 3;

/// The destination of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Standard error.
    Stderr,
    /// The daemon that listens at /dev/log. Messages that it does not accept at once are lost.
    Syslog,
}

/// The format of the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Plain text.
    Plain,
    /// With a priority for the journal: `<N>` (sd-daemon(3)).
    Journal,
    /// RFC 3164.
    Syslog,
}

enum Sink {
    Stderr(Style, Stream),
    /// A terminal, opened again so that writes to it do not wait. True while the last line is not complete there.
    Terminal(Style, OwnedFd, AtomicBool),
    /// The socket is not connected, because a restarted daemon has a new socket with the same name.
    Syslog(OwnedFd),
}

/// The type of standard error, which decides how a line is written without waiting. A log reader that does not read
/// must not delay logins, so messages that it does not accept at once are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    /// A file. A write to it never waits for a reader.
    File,
    /// A socket, for example the journal's. A write with a flag does not wait.
    Socket,
    /// A pipe. It is polled first.
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

/// The destination, once it is set.
static INSTALLED: OnceLock<Destination> = OnceLock::new();

/// Gives a process of the broker the same destination and format for its messages.
pub(crate) fn pass_on(program: Program) -> Program {
    let mut program = program.inherit_stderr();
    if INSTALLED.get() == Some(&Destination::Syslog) {
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
/// The socket could not be made.
pub fn install(target: Destination, level: LevelFilter) -> io::Result<()> {
    let is_journal = env::var_os(JOURNAL).is_some();
    let sink = match target {
        Destination::Stderr => {
            let style = if is_journal { Style::Journal } else { Style::Plain };
            match terminal() {
                Some(terminal) => Sink::Terminal(style, terminal, AtomicBool::new(false)),
                None => Sink::Stderr(style, Stream::of(io::stderr())),
            }
        }
        Destination::Syslog => Sink::Syslog(socket()?),
    };
    if log::set_boxed_logger(Box::new(sink)).is_ok() {
        log::set_max_level(level);
        // The logger is set only once, and so is this.
        let _ = INSTALLED.set(target);
    }
    Ok(())
}

/// Standard error, if it is a terminal. A terminal that stands still takes a part of a line, and then a write waits, unless the file
/// was opened with a flag that all who share it would notice. So it is opened again.
fn terminal() -> Option<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    isatty(io::stderr()).then(|| open("/proc/self/fd/2", flags, Mode::empty()).ok()).flatten()
}

/// Writes as much of the line as the terminal takes. The rest is lost, and the next line begins at its beginning.
fn write_to(terminal: &OwnedFd, is_open: &AtomicBool, line: &[u8]) {
    if is_open.load(Ordering::Relaxed) && write(terminal, b"\n") != Ok(1) {
        return;
    }
    let written = write(terminal, line).unwrap_or(0);
    is_open.store(0 < written && written < line.len(), Ordering::Relaxed);
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
            Self::Terminal(style, terminal, is_open) => {
                write_to(terminal, is_open, line(*style, record.level(), &message).as_bytes());
            }
            Self::Syslog(socket) => {
                let line = line(Style::Syslog, record.level(), &message);
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                // Other users can read /dev, and can therefore block the lookup of a missing name there.
                let Ok(place) = find(Path::new(SYSLOG), Last::Follow) else { return };
                if let Ok(address) = SocketAddrUnix::new(&place.path) {
                    let _ = sendto(socket, line.trim_end().as_bytes(), flags, &address);
                }
            }
        }
    }

    fn flush(&self) {}
}

/// True if a write of a line would not block: a writable pipe has room for a page.
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
    // Text from outside was escaped by the caller. A line break here is our own.
    let _ = write!(line, "{}", message.replace('\n', " "));
    while line.len() >= MAX_LINE {
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
        assert!(line(Style::Plain, Level::Info, &"é".repeat(MAX_LINE)).len() <= MAX_LINE);
    }
}
