//! Keeping names in the kernel's cache.

use rustix::fs::{Mode, OFlags, open};
use std::{os::fd::OwnedFd, path::Path};

/// Keeps the name `path` in the cache as long as this is kept: whoever looks it up then finds it at once, and waits for nobody who
/// holds the directory (see `lookup`).
pub(crate) fn pin(path: &Path) -> Option<OwnedFd> {
    open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()
}
