//! The names in a directory, read in batches. Each name comes with the position from which reading continues.

use rustix::{
    fs::{FileType, RawDir, SeekFrom, seek},
    io,
};
use std::{ffi::CStr, mem::MaybeUninit, os::fd::BorrowedFd};

/// The bytes that one getdents64(2) may return: about a thousand short names, and always at least one name.
const READ_SIZE: usize = 32 * 1024;

/// An entry taken from a [`Batch`]. The batch still holds its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DirEntry {
    /// The offset of the name in the batch.
    name: usize,
    /// The position after this entry (`d_off`). It is opaque, and valid only for [`seek_to`] on the same directory.
    pub(crate) next_position: u64,
    /// True if the name was a directory when it was read (`d_type`). False if the file system does not tell the type.
    pub(crate) directory: bool,
}

/// Entries that were read and not yet taken: at most the result of one read.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// For each entry: the next position (8 bytes), 1 for a directory or else 0, the name, a NUL.
    bytes: Vec<u8>,
    /// The offset of the first entry that is not taken.
    taken: usize,
}

impl Batch {
    /// Takes the next entry; `None` if all are taken.
    pub(crate) fn take(&mut self) -> Option<DirEntry> {
        let rest = self.bytes.get(self.taken..)?;
        let (next_position, rest) = rest.split_first_chunk()?;
        let (directory, rest) = rest.split_first()?;
        let length = CStr::from_bytes_until_nul(rest).ok()?.count_bytes();
        let name = self.taken + next_position.len() + 1;
        self.taken = name + length + 1;
        let next_position = u64::from_le_bytes(*next_position);
        Some(DirEntry { name, next_position, directory: *directory == 1 })
    }

    /// The name of the entry that was taken last. It is not copied, because most names are used in one call only.
    pub(crate) fn name(&self, entry: DirEntry) -> &CStr {
        let taken = self.bytes.get(entry.name..self.taken).unwrap_or_default();
        CStr::from_bytes_with_nul(taken).unwrap_or_default()
    }

    /// Reads the next entries of `directory`, without `.` and `..`. False at the end of the directory.
    pub(crate) fn fill(&mut self, directory: BorrowedFd<'_>, buffer: &mut ReadBuffer) -> io::Result<bool> {
        self.bytes.clear();
        self.taken = 0;
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

/// The memory that a read fills. One buffer is enough for a whole pass.
pub(crate) struct ReadBuffer(Box<[MaybeUninit<u8>]>);

impl ReadBuffer {
    pub(crate) fn new() -> Self {
        Self(vec![MaybeUninit::uninit(); READ_SIZE].into_boxed_slice())
    }
}

/// Makes the next read of `directory` start at `position`. Position 0 is the beginning.
pub(crate) fn seek_to(directory: BorrowedFd<'_>, position: u64) -> io::Result<()> {
    seek(directory, SeekFrom::Start(position)).map(drop)
}
