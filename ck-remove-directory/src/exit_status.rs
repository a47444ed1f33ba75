//! The exit statuses of the command: ck-remove-directory(8).

/// The directory is gone, or was not there.
pub(crate) const GONE: u8 = 0;

/// Something is left.
pub(crate) const LEFT: u8 = 1;

/// The arguments are wrong, or the command refuses to act on this directory.
pub(crate) const REFUSED: u8 = 2;

/// A child hangs in the kernel and is left behind.
pub(crate) const ABANDONED: u8 = 3;

/// Something is left, and another run will get further.
pub(crate) const LEFT_RETRY: u8 = 4;
