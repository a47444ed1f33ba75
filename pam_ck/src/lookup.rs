//! Looks up paths without waiting for anybody: [`find`]. The module, the broker and ckctl compile this file.
//!
//! The kernel finds a name in its cache without a lock. For any other name it takes the lock of the directory. Every
//! local user can hold this lock for ever: they read the directory into memory that never arrives, while another
//! process wants to make a file there. A process that then waits for the lock cannot be reached by a signal or a
//! timeout.
//!
//! So only the cache is asked (`RESOLVE_CACHED`, Linux 5.12), and a name that is not in it counts as missing. The
//! names that are needed here are always in the cache: a tmpfs keeps all its names there, a socket keeps its name
//! there while a process listens, and the broker has just looked up the runtime directory.

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

/// The number of symbolic links that are followed.
const MAX_LINKS: usize = 8;
/// How long the look-up of one path may take if the cache does not answer.
///
/// The cache does not answer at the moment when a mount appears or disappears anywhere. Two processes that copied
/// mount namespaces of 20,000 mounts without a pause hid a path of two names for up to 30 ms, and a single name for
/// up to 14 ms and 513 tries (Linux 6.18, two processors).
const TIME_LIMIT: Duration = Duration::from_millis(100);
/// How often one name is asked for at least. A process that waits for a processor asks for nothing while time passes.
const MIN_TRIES: u32 = 2048;
/// A name is missing if it is not found while the name before it is found this often. In 300,000 look-ups beside such
/// processes, an existing name was not found at most 18 times.
const MISSING_AFTER_NAME: u32 = 24;
/// The same if `/` is before the name. `/` is found more easily.
const MISSING_AFTER_ROOT: u32 = 512;

/// What happens to a symbolic link at the end of a path. Links before the end are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    /// The link is followed.
    Follow,
    /// The link itself is looked up.
    Keep,
}

/// The result of a look-up.
#[derive(Debug)]
pub(crate) struct Place {
    /// The path, without the symbolic links that were followed.
    pub(crate) path: PathBuf,
    /// The file at the path, opened with `O_PATH`. While it is open, all names of `path` stay in the cache, so that a
    /// call with `path` does not wait either. `None` if the kernel cannot restrict a look-up to its cache.
    pub(crate) handle: Option<OwnedFd>,
}

/// Looks up `path`.
///
/// # Errors
/// The error of openat2(2). `NOENT` also means that the name could only be found by waiting.
pub(crate) fn find(path: &Path, last: Last) -> Result<Place, Errno> {
    let mut path = path.to_owned();
    let mut until = None;
    for _ in 0..=MAX_LINKS {
        match cached(CWD, path.as_os_str(), last) {
            Ok(handle) => return Ok(Place { path, handle: Some(handle) }),
            // Linux 5.6 to 5.11; an older Linux; a container whose filter refuses openat2(2).
            Err(Errno::INVAL | Errno::NOSYS | Errno::PERM) => return Ok(Place { path, handle: None }),
            Err(Errno::LOOP | Errno::AGAIN) => {}
            Err(source) => return Err(source),
        }
        let until = *until.get_or_insert_with(|| Instant::now() + TIME_LIMIT);
        match follow_names(&path, last, until)? {
            Followed::End(handle) => return Ok(Place { path, handle: Some(handle) }),
            Followed::Link(past) => path = past,
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

/// The result of following a path name by name.
enum Followed {
    /// The end of the path was reached.
    End(OwnedFd),
    /// A symbolic link was reached. This is the path with the link replaced by its target.
    Link(PathBuf),
}

/// Follows `path` name by name. The look-up of one name takes less time, so the cache answers more often. This also
/// tells which name is missing.
///
/// The kernel is not asked to follow links. It cannot do so from its cache if the access time must be written, and
/// never on overlayfs or XFS. And nothing would keep a link in the cache that the kernel has followed.
fn follow_names(path: &Path, last: Last, until: Instant) -> Result<Followed, Errno> {
    let mut names = path.components();
    let (mut before, mut here, mut passed) = (None, None, PathBuf::new());
    while let Some(name) = names.next() {
        let step = Step { directory: here.take(), name: name.as_os_str() };
        let found = step.take(before.as_ref(), until)?;
        if last == Last::Follow || names.clone().next().is_some() {
            // The call fails if the file is not a link.
            if let Ok(target) = readlinkat(&found, c"", Vec::new()) {
                passed.push(OsStr::from_bytes(target.as_bytes()));
                passed.extend(names);
                return Ok(Followed::Link(passed));
            }
        }
        passed.push(name);
        (before, here) = (Some(step), Some(found));
    }
    here.map(Followed::End).ok_or(Errno::NOENT)
}

/// A name in a directory that was found. The directory is `None` for the first name of a path.
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

    /// Asks until the cache answers. The name is missing if the cache does not answer, but repeatedly answers for the
    /// step `before`.
    fn take(&self, before: Option<&Step<'_>>, until: Instant) -> Result<OwnedFd, Errno> {
        let enough = if before.is_some_and(|before| before.directory.is_some()) {
            MISSING_AFTER_NAME
        } else {
            MISSING_AFTER_ROOT
        };
        let (mut found_before, mut tries) = (0, 0);
        while found_before < enough && (tries < MIN_TRIES || Instant::now() < until) {
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
