//! Names of a directory, read some at a time; each with the place in the directory that follows it.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use rustix::fs::{FileType, RawDir, SeekFrom, seek};
use rustix::io;

/// Bytes asked for in one getdents64(2): about a thousand short names, and always at least one.
const READ_SIZE: usize = 32 * 1024;

/// A name that was handed out by a [`Batch`], which still holds it; and where reading goes on after it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Where in the batch the name is.
    name: usize,
    /// `d_off`: opaque, only good for [`rewind_to`] on the same directory.
    pub(crate) after: u64,
    /// Whether it was a directory when it was read (`d_type`); false where the file system does not say.
    pub(crate) directory: bool,
}

/// Some names that were read and are not yet handed out: at most what one read gives.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Each a cookie of 8 bytes, 1 for a directory or else 0, the name, a NUL.
    bytes: Vec<u8>,
    position: usize,
}

impl Batch {
    /// The next one; `None` when the batch is used up.
    pub(crate) fn take(&mut self) -> Option<Entry> {
        let rest = self.bytes.get(self.position..)?;
        let (after, rest) = rest.split_first_chunk()?;
        let (directory, rest) = rest.split_first()?;
        let length = CStr::from_bytes_until_nul(rest).ok()?.count_bytes();
        let name = self.position + after.len() + 1;
        self.position = name + length + 1;
        Some(Entry { name, after: u64::from_le_bytes(*after), directory: *directory == 1 })
    }

    /// The name of what was taken last. It is not copied: most names are needed for one call.
    pub(crate) fn name(&self, entry: Entry) -> &CStr {
        let taken = self.bytes.get(entry.name..self.position).unwrap_or_default();
        CStr::from_bytes_with_nul(taken).unwrap_or_default()
    }

    /// Reads the next names of `directory`, without `.` and `..`; false at its end.
    pub(crate) fn fill(&mut self, directory: BorrowedFd<'_>, buffer: &mut ReadBuffer) -> io::Result<bool> {
        self.bytes.clear();
        self.position = 0;
        let mut entries = RawDir::new(directory, &mut buffer.0);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name().to_bytes_with_nul();
            if !matches!(name, b".\0" | b"..\0") {
                self.bytes.extend_from_slice(&entry.next_entry_cookie().to_le_bytes());
                self.bytes.push(u8::from(entry.file_type() == FileType::Directory));
                self.bytes.extend_from_slice(name);
            }
            if entries.is_buffer_empty() && !self.bytes.is_empty() {
                return Ok(true);
            }
        }
        Ok(!self.bytes.is_empty())
    }
}

/// The memory that one read fills; one is enough for a whole walk.
pub(crate) struct ReadBuffer(Box<[MaybeUninit<u8>]>);

impl ReadBuffer {
    pub(crate) fn new() -> Self {
        Self(vec![MaybeUninit::uninit(); READ_SIZE].into_boxed_slice())
    }
}

/// Makes the next read of `directory` start at `cookie`; 0 is its beginning.
pub(crate) fn rewind_to(directory: BorrowedFd<'_>, cookie: u64) -> io::Result<()> {
    seek(directory, SeekFrom::Start(cookie)).map(drop)
}
