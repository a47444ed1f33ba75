//! What a hook prints: into the log, line by line, and no more than so much.

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

/// How many bytes of one run are read.
const BYTES: usize = 16 * 1024;
/// How many lines of one run are logged.
const LINES: usize = 100;
/// Where a line is broken that does not end.
const LINE: usize = 1024;
/// How much is read before others have their turn.
const AT_ONCE: usize = 4096;

/// Our end of a hook's standard output and standard error. Both are one pipe, so that `>/dev/stderr` works, which
/// it does not with a socket, and so that a hook that floods is stopped: nobody reads any more.
#[derive(Debug)]
pub(super) struct Output {
    pipe: Option<OwnedFd>,
    /// The line that has not ended.
    line: Vec<u8>,
    bytes: usize,
    lines: usize,
}

impl Output {
    /// A pipe, and its other end.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
        // Ours only: a hook that found its own non-blocking would lose what it prints.
        fcntl_setfl(&ours, fcntl_getfl(&ours)? | OFlags::NONBLOCK)?;
        Ok((Self { pipe: Some(ours), line: Vec::new(), bytes: 0, lines: 0 }, theirs))
    }

    /// What becomes readable when the hook has printed something; `None` when nothing is read any more.
    pub(super) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.pipe.as_ref().map(AsFd::as_fd)
    }

    /// Logs a part of what has been printed, after `label`. Says whether there may be more at once.
    pub(super) fn take(&mut self, label: &str) -> bool {
        let Some(pipe) = &self.pipe else { return false };
        let mut buffer = [0; AT_ONCE];
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
            if self.lines >= LINES {
                break;
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
            if byte == b'\n' || self.line.len() >= LINE {
                self.log_line(label);
            }
        }
        if self.bytes >= BYTES || self.lines >= LINES {
            log::warn!("{label}: printed {LINES} lines or {BYTES} bytes: nothing more of it is read");
            self.pipe = None;
        }
    }

    /// Logs the rest, as the hook has ended. Who still holds the other end is not waited for.
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
