//! Keeps names in the kernel's cache.

use rustix::fs::{Mode, OFlags, open};
use std::{os::fd::OwnedFd, path::Path};

/// Keeps the name `path` in the cache while the returned descriptor is open. A lookup then does not wait, even if a
/// user blocks the directory (see `lookup`).
pub(crate) fn pin(path: &Path) -> Option<OwnedFd> {
    open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()
}
