//! Reads the foreground virtual terminal from the kernel.

use crate::lookup::{Last, find};
use ck_protocol::Vt;
use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::FileExt,
    },
    path::Path,
};

/// The file of the kernel, since Linux 2.6.38. A change wakes processes that poll it.
const ACTIVE: &str = "/sys/class/tty/tty0/active";
/// The device that stands for the foreground terminal: console(4).
const CONSOLE: &str = "/dev/tty0";
/// The maximum number of bytes that are read: more than the name of any virtual terminal has.
const NAME: usize = 16;

/// The virtual terminals of this machine.
#[derive(Debug)]
pub(super) struct Foreground(File);

impl Foreground {
    /// `None` on a machine without virtual terminals.
    pub(super) fn open() -> Option<Self> {
        // A container can see the terminals of its host in sysfs, and has none of them.
        find(Path::new(CONSOLE), Last::Follow).ok()?;
        match File::open(ACTIVE) {
            Ok(file) => Some(Self(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                log::warn!("cannot open {ACTIVE}: {error}; there is no seat0");
                None
            }
        }
    }

    /// Reads the number of the foreground terminal, if it has one. After that, poll(2) reports nothing until the next
    /// change (kernfs).
    ///
    /// # Errors
    /// An I/O error; then poll(2) continues to report an event.
    pub(super) fn read(&self) -> io::Result<Option<Vt>> {
        let mut name = [0; NAME];
        let length = self.0.read_at(&mut name, 0)?;
        Ok(parse(name.get(..length).unwrap_or_default()))
    }
}

impl AsFd for Foreground {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn parse(name: &[u8]) -> Option<Vt> {
    let number = std::str::from_utf8(name).ok()?.trim_end().strip_prefix("tty")?;
    number.parse::<u8>().ok().and_then(|number| Vt::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_read_by_its_number() {
        assert_eq!(parse(b"tty1\n").map(Vt::get), Some(1));
        assert_eq!(parse(b"tty63").map(Vt::get), Some(63));
        for none in ["", "\n", "tty", "tty0\n", "tty64\n", "ttyS0\n", "(none)\n", "1\n"] {
            assert_eq!(parse(none.as_bytes()), None, "{none:?}");
        }
    }
}
