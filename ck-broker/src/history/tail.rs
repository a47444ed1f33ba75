//! The end of a history file, which may be incomplete.

use rustix::io::pread;
use std::{fs::File, io};

/// The number of bytes that are read: more than two of the longest lines.
const TAIL: usize = 1280;
/// The text before the id of a boot. It cannot occur within a string, where quotation marks are escaped.
const BOOT: &[u8] = br#""boot":""#;

/// True if the file, with `length` bytes, ends within a line.
pub(super) fn is_torn(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(place) = length.checked_sub(1) {
        pread(file, &mut last, place)?;
    }
    Ok(last != [b'\n'])
}

/// The id of the boot in which the last line was written, if there is a line.
pub(super) fn boot(file: &File, length: u64) -> io::Result<Option<String>> {
    let mut tail = [0; TAIL];
    let read = pread(file, &mut tail[..], length.saturating_sub(TAIL as u64))?;
    let tail = tail.get(..read).unwrap_or_default();
    let last = tail.windows(BOOT.len()).rposition(|window| window == BOOT);
    let name = last.and_then(|place| tail.get(place + BOOT.len()..)).unwrap_or_default();
    let name: String = name.iter().take_while(|byte| **byte != b'"').map(|&byte| char::from(byte)).collect();
    Ok((!name.is_empty()).then_some(name))
}
