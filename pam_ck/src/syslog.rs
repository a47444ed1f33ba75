//! Writes one line to the log of the system.
//!
//! syslog(3) is not used: it leaves its descriptor open in the host, and waits for a log daemon that is stopped.

use crate::lookup::{Last, find};
use ck_protocol::{Text, printable};
use rustix::{
    io::Result,
    net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with},
    process::getpid,
};
use std::{fmt::Write, path::Path};

/// The socket of the log daemon: `_PATH_LOG` of syslog.h.
const SOCKET: &str = "/dev/log";
/// `LOG_AUTHPRIV`: facility 10 of RFC 5424, at its position in a priority.
const AUTHPRIV: u8 = 10 << 3;
/// The longest line, in bytes: RFC 3164 section 4.1 requires every log daemon to accept it.
const MAX_LINE: usize = 1024;

/// The severity of a line, by RFC 5424.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The request failed.
    Error = 3,
    /// The request succeeded in part.
    Warning = 4,
    /// The request succeeded.
    Info = 6,
}

/// Sends `message` for a host with the PAM service `service`, escaped and cut to one line.
///
/// This never waits. If the log does not accept the line at once, the line is lost.
pub(crate) fn write(service: &str, level: Level, message: &str) {
    let line = line(service, getpid().as_raw_nonzero().get(), level, message);
    // An error of the log cannot be reported anywhere.
    let _ = deliver(SOCKET, line.as_str());
}

fn line(service: &str, pid: i32, level: Level, message: &str) -> Text<MAX_LINE> {
    let priority = AUTHPRIV | level as u8;
    let service = printable(service);
    let mut line = String::new();
    // Writing to a String cannot fail.
    let _ = write!(line, "<{priority}>{service}[{pid}]: pam_ck({service}:session): {}", printable(message));
    Text::clipped(&line)
}

fn deliver(path: &str, line: &str) -> Result<()> {
    // It is open while we connect: users can hold /dev like any other directory.
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
    fn no_input_can_start_a_line_or_exceed_its_length() {
        let forged = line("su\n<80>x", 1, Level::Info, "user \"a\nb\u{1b}[2J\"");
        assert_eq!(
            forged.as_str(),
            r#"<86>su\u{a}<80>x[1]: pam_ck(su\u{a}<80>x:session): user "a\u{a}b\u{1b}[2J""#
        );
        assert_eq!(line("sshd", 1, Level::Warning, &"x".repeat(70_000)).as_str().len(), MAX_LINE);
    }
}
