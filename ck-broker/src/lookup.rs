//! Looking names up without waiting for anybody.
//!
//! Looking up a name that the kernel has not in its cache takes the lock of the directory, and whoever may read a directory can hold
//! that as long as they like (getdents64(2) into memory that is not there). A name that was found is kept in the cache by a descriptor
//! of what it names.

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::Errno,
};
use std::{os::fd::OwnedFd, path::Path};

/// How often it is asked at once. The kernel says "not now" also when something was mounted or renamed at that moment.
const TRIES: usize = 16;

/// What the cache has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cached {
    /// There is something.
    Found,
    /// Nothing by that name, or it would have to be looked up.
    Unknown,
    /// The kernel cannot say (before Linux 5.12, or under a filter of system calls): it has to be looked up.
    Unsupported,
}

/// Whether something has the name `path`, if that can be said at once: `RESOLVE_CACHED` of openat2(2), Linux 5.12.
pub(crate) fn cached(path: &Path, flags: OFlags) -> Cached {
    let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
            Ok(_) => return Cached::Found,
            Err(Errno::AGAIN) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => return Cached::Unsupported,
            Err(_) => return Cached::Unknown,
        }
    }
    Cached::Unknown
}

/// Keeps the name `path` in the cache as long as this is kept: whoever looks it up then finds it at once.
pub(crate) fn pin(path: &Path) -> Option<OwnedFd> {
    rustix::fs::open(path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_and_what_is_not_there_is_not() {
        let here = std::env::current_exe().unwrap();
        let pinned = pin(&here);
        assert!(pinned.is_some());
        if matches!(cached(&here, OFlags::empty()), Cached::Unsupported) {
            return;
        }
        assert!(matches!(cached(&here, OFlags::empty()), Cached::Found));
        for missing in ["/run/none/such", "/no-such-name", "/dev/null/x"] {
            assert!(matches!(cached(Path::new(missing), OFlags::empty()), Cached::Unknown), "{missing}");
        }
    }
}
