//! Problems of the history writer, for the status of the broker. The writer sends a line when a problem begins, and an
//! empty line when it is over.

use rustix::{
    fs::{OFlags, fcntl_setfl},
    io::{Errno, read},
    pipe::{PipeFlags, pipe_with},
};
use std::{
    cell::RefCell,
    io::{self, Write},
    os::fd::OwnedFd,
};

/// The number of bytes that are read at once.
const READ_SIZE: usize = 4096;

/// The broker's end.
#[derive(Debug)]
pub(super) struct WriterStatus {
    pipe: OwnedFd,
    /// The bytes from the last line on. The pipe is read when the status is requested.
    last: RefCell<Vec<u8>>,
}

impl WriterStatus {
    /// Both ends of a pipe: the broker's, and the standard output of the writer.
    pub(super) fn new() -> Result<(Self, OwnedFd), Errno> {
        let (pipe, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        Ok((Self { pipe, last: RefCell::default() }, theirs))
    }

    /// The current problem, if there is one.
    pub(super) fn now(&self) -> Option<String> {
        let mut last = self.last.borrow_mut();
        let mut piece = [0; READ_SIZE];
        while let Ok(length) = read(&self.pipe, &mut piece) {
            if length == 0 {
                break;
            }
            last.extend_from_slice(piece.get(..length).unwrap_or_default());
        }
        // Only the last complete line is current.
        let end = last.iter().rposition(|byte| *byte == b'\n')?;
        let begin = last.get(..end)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |feed| feed + 1);
        last.drain(..begin);
        let line = last.get(..end - begin)?;
        (!line.is_empty()).then(|| String::from_utf8_lossy(line).into_owned())
    }
}

/// Sends a problem from the writer to the broker. It is no error if the broker has ended.
pub(super) fn report(problem: &str) {
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "{}", problem.replace('\n', " ")).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::write;

    #[test]
    fn what_was_said_last_counts_until_it_is_over() {
        let (status, theirs) = WriterStatus::new().unwrap();
        let say = |text: &[u8]| assert_eq!(write(&theirs, text), Ok(text.len()));
        assert_eq!(status.now(), None);
        say(b"no room\n");
        assert_eq!((status.now(), status.now()), (Some("no room".into()), Some("no room".into())));
        say(b"\nread-only\nhal");
        assert_eq!(status.now().as_deref(), Some("read-only"));
        say(b"f\n");
        assert_eq!(status.now().as_deref(), Some("half"));
        say(b"\n");
        drop(theirs);
        assert_eq!((status.now(), status.now()), (None, None));
    }
}
