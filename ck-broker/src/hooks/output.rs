//! The output of a hook: logged line by line, up to a limit.

use ck_protocol::printable;
use nix::{fcntl::OFlag, unistd::pipe2};
use rustix::{
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::{Errno, read},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// The maximum number of bytes that are read of one run.
const MAX_BYTES: usize = 16 * 1024;
/// The maximum number of lines that are logged of one run.
const MAX_LINES: usize = 100;
/// The length at which a line is broken.
const MAX_LINE_LENGTH: usize = 1024;
/// The maximum number of bytes that are read in one round of the loop.
const READ_SIZE: usize = 4096;

/// The read end of the pipe that is a hook's standard output and standard error. It is a pipe because `>/dev/stderr`
/// does not work with a socket. It is closed at the limit, which stops a hook that prints without end.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Option<OwnedFd>,
    /// The incomplete last line.
    line: Vec<u8>,
    bytes: usize,
    lines: usize,
}

impl Output {
    /// A pipe, and its write end.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
        // Only the read end, because a hook with a non-blocking write end would lose output.
        fcntl_setfl(&ours, fcntl_getfl(&ours)? | OFlags::NONBLOCK)?;
        Ok((Self { pipe: Some(ours), line: Vec::new(), bytes: 0, lines: 0 }, theirs))
    }

    /// The read end. `None` if nothing more is read.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Reads and logs a part of the output, after `label`. Returns true if there may be more.
    pub(super) fn take(&mut self, label: &str) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let mut buffer = [0; READ_SIZE];
        match read(pipe, &mut buffer) {
            Ok(length @ 1..) => {
                self.take_bytes(label, buffer.get(..length).unwrap_or_default());
                self.pipe.is_some()
            }
            Err(Errno::AGAIN | Errno::INTR) => false,
            Ok(0) | Err(_) => {
                self.pipe = None;
                false
            }
        }
    }

    fn take_bytes(&mut self, label: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        for &byte in bytes {
            if self.lines >= MAX_LINES {
                break;
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
            if byte == b'\n' || self.line.len() >= MAX_LINE_LENGTH {
                self.log_line(label);
            }
        }
        if self.bytes >= MAX_BYTES || self.lines >= MAX_LINES {
            log::warn!("{label}: printed {MAX_LINES} lines or {MAX_BYTES} bytes: the rest is not read");
            self.pipe = None;
        }
    }

    /// Logs the rest when the hook has ended. Other processes may still have the write end open: they are not waited
    /// for.
    pub(super) fn finish(mut self, label: &str) {
        while self.take(label) {}
        if !self.line.is_empty() {
            self.log_line(label);
        }
    }

    fn log_line(&mut self, label: &str) {
        log::info!("{label}: {}", printable(&String::from_utf8_lossy(&self.line)));
        self.line.clear();
        self.lines += 1;
    }
}
