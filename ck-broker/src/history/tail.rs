//! The end of a file that another process has written, perhaps not to the end.

use rustix::io::pread;
use std::{fs::File, io};

/// More than two of the longest lines, in bytes.
const TAIL: usize = 1024;
/// What stands before the name of a run of the system. In a text of anybody's the quotation marks are escaped.
const BOOT: &[u8] = br#""boot":""#;

/// Whether the file, of `length` bytes, ends within a line.
pub(super) fn is_torn(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(place) = length.checked_sub(1) {
        pread(file, &mut last, place)?;
    }
    Ok(last != [b'\n'])
}

/// The run of the system in which the last line of the file was written, if it has one.
pub(super) fn boot(file: &File, length: u64) -> io::Result<Option<String>> {
    let mut tail = [0; TAIL];
    let read = pread(file, &mut tail[..], length.saturating_sub(TAIL as u64))?;
    let tail = tail.get(..read).unwrap_or_default();
    let last = tail.windows(BOOT.len()).rposition(|window| window == BOOT);
    let name = last.and_then(|place| tail.get(place + BOOT.len()..)).unwrap_or_default();
    let name: String = name.iter().take_while(|byte| **byte != b'"').map(|&byte| char::from(byte)).collect();
    Ok((!name.is_empty()).then_some(name))
}
