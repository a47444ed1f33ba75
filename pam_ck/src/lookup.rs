//! Where a path leads, told without waiting for anybody: [`find`]. The module and the broker both have this file.
//!
//! The kernel finds a name that it has in its cache without a lock. For any other it takes the lock of the
//! directory, and every local user can keep that for ever: by reading the directory into memory that never
//! comes, while somebody wants to make a file there. Then the process hangs where no signal and no timeout
//! reaches it. So only the cache is asked (`RESOLVE_CACHED`, Linux 5.12), and a name that is not in it counts
//! as missing. What is wanted here always is in it: a tmpfs keeps all its names there, a socket its own for as
//! long as somebody listens, and a runtime directory has been looked at by the broker just before.

use rustix::{
    fd::OwnedFd,
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2, readlinkat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// How often the cache is asked for one name. It has no answer at the moment of a mount anywhere: with two users
/// who mount without a pause, that happened at most 7 times in a row in half a million look-ups.
const TRIES: usize = 16;
/// How many symlinks are followed, and how often all is tried anew.
const LINKS: usize = 8;

/// What to do with a symlink at the end of a path. Those before it are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// Go on to what it names.
    Follow,
    /// It is what is looked for.
    Keep,
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) struct Place {
    /// The path, without the symlinks that were followed.
    pub(crate) path: PathBuf,
    /// What is there, opened with `O_PATH`. While it is open, all names of `path` stay in the cache, so that a
    /// call by `path` waits for nobody either. `None` where the kernel cannot ask its cache alone.
    pub(crate) handle: Option<OwnedFd>,
}

/// Looks `path` up.
///
/// # Errors
/// What openat2(2) says; `NOENT` also for what could only be found by waiting.
pub(crate) fn find(path: &Path, last: Last) -> Result<Place, Errno> {
    let mut path = path.to_owned();
    for _ in 0..=LINKS {
        match cached(&path, last) {
            Ok(handle) => return Ok(Place { path, handle: Some(handle) }),
            // Linux 5.6 to 5.11; before; a container whose filter knows no openat2(2).
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => return Ok(Place { path, handle: None }),
            Err(Errno::LOOP | Errno::AGAIN) => path = past_link(&path, last)?,
            Err(source) => return Err(source),
        }
    }
    Err(Errno::LOOP)
}

fn cached(path: &Path, last: Last) -> Result<OwnedFd, Errno> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, last == Last::Keep);
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
    let ask = || openat2(CWD, path, flags, Mode::empty(), resolve);
    (1..TRIES).map(|_| ask()).find(|found| !matches!(found, Err(Errno::AGAIN))).unwrap_or_else(ask)
}

/// `path` with what its first symlink names in place of that; `path` itself if all of it is there, and no link: then the
/// cache had no answer just now. The kernel is not asked to follow links: it cannot out of its cache where the time of
/// access is to be written, nor ever on overlayfs or XFS; and nothing would keep in the cache a link that it had followed.
fn past_link(path: &Path, last: Last) -> Result<PathBuf, Errno> {
    let mut heads: Vec<_> = path.ancestors().filter(|head| head.parent().is_some()).collect();
    heads.reverse();
    for head in heads {
        let found = cached(head, Last::Keep).map_err(|source| match source {
            Errno::AGAIN => Errno::NOENT,
            source => source,
        })?;
        if last == Last::Keep && head == path {
            break;
        }
        // Of anything but a link it is an error.
        let Ok(target) = readlinkat(&found, c"", Vec::new()) else { continue };
        let mut whole = head.parent().unwrap_or(head).join(OsStr::from_bytes(target.as_bytes()));
        whole.extend(path.strip_prefix(head).unwrap_or(path));
        return Ok(whole);
    }
    Ok(path.to_owned())
}
