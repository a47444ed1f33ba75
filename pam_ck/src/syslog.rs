//! One line to the system's log.
//!
//! Not by syslog(3), which leaves its descriptor open in the host and waits for a log daemon that
//! has been stopped.

use crate::lookup::{Last, find};
use ck_protocol::{Text, printable};
use rustix::{
    io::Result,
    net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with},
    process::getpid,
};
use std::{fmt::Write, path::Path};

/// Where the log daemon listens: `_PATH_LOG` of syslog.h.
const SOCKET: &str = "/dev/log";
/// `LOG_AUTHPRIV`, RFC 5424 facility 10, in its place within a priority.
const AUTHPRIV: u8 = 10 << 3;
/// The longest line, in bytes: what RFC 3164 section 4.1 asks every log daemon to take.
const LINE: usize = 1024;

/// How grave a line is: the severities of RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What was to be done was not.
    Error = 3,
    /// It was done, but not all of it.
    Warning = 4,
    /// It was done.
    Info = 6,
}

/// Sends `message` for a host whose PAM service is `service`, escaped and cut to one line.
/// Never waits; a log that does not take the line at once goes without.
pub(crate) fn write(service: &str, level: Level, message: &str) {
    let line = line(service, getpid().as_raw_nonzero().get(), level, message);
    // There is nowhere to say that the log is out of order.
    let _ = deliver(SOCKET, line.as_str());
}

fn line(service: &str, pid: i32, level: Level, message: &str) -> Text<LINE> {
    let priority = AUTHPRIV | level as u8;
    let service = printable(service);
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = write!(line, "<{priority}>{service}[{pid}]: pam_ck({service}:session): {}", printable(message));
    Text::clipped(&line)
}

fn deliver(path: &str, line: &str) -> Result<()> {
    // Kept while we connect: users can hold /dev as any other directory.
    let place = find(Path::new(path), Last::Follow)?;
    let address = SocketAddrUnix::new(&place.path)?;
    let log = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    connect(&log, &address)?;
    send(&log, line.as_bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_priority_host_process_and_module() {
        let line = line("sshd", 42, Level::Error, "no broker");
        assert_eq!(line.as_str(), "<83>sshd[42]: pam_ck(sshd:session): no broker");
    }

    #[test]
    fn nothing_from_outside_can_start_a_line_or_make_one_longer() {
        let forged = line("su\n<80>x", 1, Level::Info, "user \"a\nb\u{1b}[2J\"");
        assert_eq!(
            forged.as_str(),
            r#"<86>su\u{a}<80>x[1]: pam_ck(su\u{a}<80>x:session): user "a\u{a}b\u{1b}[2J""#
        );
        assert_eq!(line("sshd", 1, Level::Warning, &"x".repeat(70_000)).as_str().len(), LINE);
    }
}
