//! An errno in words, and an error chain on one line.

use rustix::io::Errno;
use std::{error::Error, fmt};

/// The errno of a failed system call. It is displayed as `Operation not permitted (EPERM)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cause(pub(crate) Errno);

impl Cause {
    /// The symbolic name, such as `EPERM`.
    pub(crate) fn name(self) -> String {
        format!("{:?}", self.known())
    }

    /// The meaning, such as `Operation not permitted`.
    pub(crate) fn message(self) -> &'static str {
        self.known().desc()
    }

    fn known(self) -> nix::errno::Errno {
        nix::errno::Errno::from_raw(self.0.raw_os_error())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.name())
    }
}

impl Error for Cause {}

impl From<Errno> for Cause {
    fn from(errno: Errno) -> Self {
        Self(errno)
    }
}

/// `error` and its sources, joined by colons.
pub(crate) fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_errno_has_its_name_and_its_meaning() {
        assert_eq!(Cause(Errno::PERM).to_string(), "Operation not permitted (EPERM)");
        assert_eq!(Cause(Errno::NOTEMPTY).to_string(), "Directory not empty (ENOTEMPTY)");
    }
}
