//! Catches the output of a child in a memory file.

use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::FileExt},
};

/// The output of a child, which is read after the child has ended. A full pipe would block the child.
#[derive(Debug)]
pub(crate) struct Caught(File);

impl Caught {
    /// An empty memory file.
    ///
    /// # Errors
    /// memfd_create(2)
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(memfd_create("output", MemfdFlags::CLOEXEC)?.into()))
    }

    /// The descriptor that the child writes to.
    ///
    /// # Errors
    /// fcntl(2) with `F_DUPFD_CLOEXEC`
    pub(crate) fn writer(&self) -> io::Result<OwnedFd> {
        Ok(self.0.try_clone()?.into())
    }

    /// The first `limit` bytes. Empty if they cannot be read.
    pub(crate) fn text(&self, limit: usize) -> String {
        let mut bytes = vec![0; limit];
        let length = self.0.read_at(&mut bytes, 0).unwrap_or(0);
        String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned()
    }
}
