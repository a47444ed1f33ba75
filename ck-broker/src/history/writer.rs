//! The history writer. It reads lines from standard input until the write end is closed.

use super::{event_time, file::HistoryFile, writer_status};
use crate::{
    config::{HistoryPlace, Readers},
    privileges,
};
use nix::sys::signal::SigSet;
use std::{
    io::{self, Read},
    path::PathBuf,
};

/// The number of bytes that are read at once: the default size of a pipe.
const READ_SIZE: usize = 65_536;

/// The value of the option, for `place`.
pub(super) fn argument(place: &HistoryPlace) -> String {
    format!("{}:{}:{}", place.readers.argument(), place.size, place.file.display())
}

/// Reads the value of the option.
#[must_use]
pub fn place(argument: &str) -> Option<HistoryPlace> {
    let mut parts = argument.splitn(4, ':');
    let readers = Readers::parse(parts.next()?, parts.next()?)?;
    let size = parts.next()?.parse().ok()?;
    Some(HistoryPlace { file: PathBuf::from(parts.next()?), size, readers })
}

/// Writes all lines, then returns.
///
/// # Errors
/// Those of reading standard input. Lines that cannot be written are logged.
pub fn run(place: HistoryPlace) -> io::Result<()> {
    // The broker may be stopped by a signal to all its processes. Its last line comes after that signal.
    SigSet::all().thread_block()?;
    if let Err(error) = privileges::drop_all_but_chown() {
        log::warn!("the history writer keeps more privileges than it needs: {error}");
    }
    let mut writing = Writing { file: HistoryFile::new(place, event_time::boot()), missing: None };
    let opened = writing.file.open();
    writing.note(opened.map_err(|error| error.to_string()), 0);
    let (mut waiting, mut piece) = (Vec::new(), vec![0; READ_SIZE]);
    loop {
        let read = io::stdin().lock().read(&mut piece)?;
        if read == 0 {
            return Ok(());
        }
        waiting.extend_from_slice(piece.get(..read).unwrap_or_default());
        let whole = waiting.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        for line in String::from_utf8_lossy(waiting.get(..whole).unwrap_or_default()).split_inclusive('\n') {
            let appended = writing.file.append(line);
            writing.note(appended.map_err(|error| error.to_string()), 1);
        }
        waiting.drain(..whole);
    }
}

/// The file, and the state of writing it.
struct Writing {
    file: HistoryFile,
    /// The number of lines that could not be written since the problem began.
    missing: Option<u64>,
}

impl Writing {
    /// Reports when a problem begins and when it is over, not for each line.
    fn note(&mut self, outcome: Result<(), String>, lines: u64) {
        match (outcome, &mut self.missing) {
            (Ok(()), None) => {}
            (Ok(()), Some(missing)) => {
                log::warn!("the history is written again; {missing} lines are missing");
                writer_status::report("");
                self.missing = None;
            }
            (Err(_), Some(missing)) => *missing += lines,
            (Err(error), None) => {
                let problem = format!("{error}; logins are not recorded until that is corrected");
                log::error!("{problem}");
                writer_status::report(&problem);
                self.missing = Some(lines);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_is_told_all_of_the_place() {
        for readers in [
            Readers { closed: true, group: Some(990) },
            Readers { closed: true, group: None },
            Readers { closed: false, group: Some(0) },
        ] {
            let told = HistoryPlace { file: PathBuf::from("/var/log/a:b/h"), size: 1 << 20, readers };
            assert_eq!(place(&argument(&told)), Some(told));
        }
        for bad in ["", "all:", "none::1:/h", "all:x:1:/h", "all::x:/h", "1:/h"] {
            assert_eq!(place(bad), None, "{bad}");
        }
    }
}
