//! Where a path leads, told without waiting for anybody: [`find`]. The module and the broker both have this file.
//!
//! The kernel finds a name that it has in its cache without a lock. For any other it takes the lock of the
//! directory, and every local user can keep that for ever: by reading the directory into memory that never
//! comes, while somebody wants to make a file there. Then the process hangs where no signal and no timeout
//! reaches it. So only the cache is asked (`RESOLVE_CACHED`, Linux 5.12), and a name that is not in it counts
//! as missing. What is wanted here always is in it: a tmpfs keeps all its names there, a socket its own for as
//! long as somebody listens, and a runtime directory has been looked at by the broker just before.

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2, readlinkat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How many symlinks are followed.
const LINKS: usize = 8;
/// For how long one path is looked up, should the cache have no answer to anything; and how often one name is asked for at least, as a
/// process that does not get the processor asks for nothing meanwhile.
///
/// It has none at the moment that a mount comes or goes, anywhere. Two processes that copied mount namespaces of 20,000 mounts
/// without a pause hid a path of two names for up to 30 ms, and a single name for up to 14 ms and 513 tries (Linux 6.18, two
/// processors).
const LIMIT: Duration = Duration::from_millis(100);
const TRIES: u32 = 2048;
/// A name is missing if it is not found while the one before it is found so often. In 300,000 look-ups beside such processes,
/// that happened at most 18 times to a name that was there.
const FOUND_BEFORE: u32 = 24;
/// The same where `/` is before it, which is found more easily.
const FOUND_ROOT: u32 = 512;

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
    let mut until = None;
    for _ in 0..=LINKS {
        match cached(CWD, path.as_os_str(), last) {
            Ok(handle) => return Ok(Place { path, handle: Some(handle) }),
            // Linux 5.6 to 5.11; before; a container whose filter knows no openat2(2).
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => return Ok(Place { path, handle: None }),
            Err(Errno::LOOP | Errno::AGAIN) => {}
            Err(source) => return Err(source),
        }
        let until = *until.get_or_insert_with(|| Instant::now() + LIMIT);
        match by_steps(&path, last, until)? {
            Way::End(handle) => return Ok(Place { path, handle: Some(handle) }),
            Way::Link(past) => path = past,
        }
    }
    Err(Errno::LOOP)
}

/// Asks the cache for `name` in `directory`, once.
fn cached(directory: impl AsFd, name: &OsStr, last: Last) -> Result<OwnedFd, Errno> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, last == Last::Keep);
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS;
    openat2(directory, name, flags, Mode::empty(), resolve)
}

/// How far one can go along a path.
enum Way {
    /// To its end.
    End(OwnedFd),
    /// To a symlink. This is the path with what it names in its place.
    Link(PathBuf),
}

/// Goes along `path` name by name. The cache needs less time for each, and so more often has an answer; and it can be told that a
/// name is missing.
///
/// The kernel is not asked to follow links: it cannot out of its cache where the time of access is to be written, nor ever on
/// overlayfs or XFS; and nothing would keep in the cache a link that it had followed.
fn by_steps(path: &Path, last: Last, until: Instant) -> Result<Way, Errno> {
    let mut names = path.components();
    let (mut before, mut here, mut passed) = (None, None, PathBuf::new());
    while let Some(name) = names.next() {
        let step = Step { directory: here.take(), name: name.as_os_str() };
        let found = step.take(before.as_ref(), until)?;
        if last == Last::Follow || names.clone().next().is_some() {
            // Of anything but a link it is an error.
            if let Ok(target) = readlinkat(&found, c"", Vec::new()) {
                passed.push(OsStr::from_bytes(target.as_bytes()));
                passed.extend(names);
                return Ok(Way::Link(passed));
            }
        }
        passed.push(name);
        (before, here) = (Some(step), Some(found));
    }
    here.map(Way::End).ok_or(Errno::NOENT)
}

/// A name in a directory that was found; `None` for the first of a path.
struct Step<'p> {
    directory: Option<OwnedFd>,
    name: &'p OsStr,
}

impl Step<'_> {
    fn ask(&self) -> Result<OwnedFd, Errno> {
        match &self.directory {
            Some(directory) => cached(directory, self.name, Last::Keep),
            None => cached(CWD, self.name, Last::Keep),
        }
    }

    /// Asks until there is an answer. Missing is what has none though the step `before` has one, again and again.
    fn take(&self, before: Option<&Step<'_>>, until: Instant) -> Result<OwnedFd, Errno> {
        let enough =
            if before.is_some_and(|before| before.directory.is_some()) { FOUND_BEFORE } else { FOUND_ROOT };
        let (mut found_before, mut tries) = (0, 0);
        while found_before < enough && (tries < TRIES || Instant::now() < until) {
            tries += 1;
            match self.ask() {
                Err(Errno::AGAIN) => {}
                answer => return answer,
            }
            found_before += u32::from(before.is_some_and(|before| before.ask().is_ok()));
        }
        Err(Errno::NOENT)
    }
}
