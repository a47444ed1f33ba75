//! Opening what only root can change: the path itself, what is above it up to `/`, and every
//! symbolic link on the way.

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat},
    io::Errno,
};
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
};

/// How many symbolic links are followed: `MAXSYMLINKS` of Linux.
const LINKS: usize = 40;
/// Nothing here asks a file system for more than it must, and nothing waits (open(2), `O_PATH`).
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const ROOT: &str = "/";

/// Why something is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    /// It is not there, or cannot be opened.
    #[error("cannot open {}: {errno}", path.display())]
    Open {
        /// What.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
    /// Others than root can change it.
    #[error("others than root can change {}: give it to root, and take write permission from everybody else", .0.display())]
    Exposed(PathBuf),
}

/// Something that was opened with `O_PATH`.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) descriptor: OwnedFd,
    pub(super) stat: Stat,
}

impl Found {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Whether others than root can write to it. What an access control list allows others is in the
    /// group's bits too (acl(5)).
    pub(super) fn is_exposed(&self) -> bool {
        self.stat.st_uid != 0 || self.stat.st_mode & 0o022 != 0
    }
}

/// Opens `path`, which is absolute, if every directory in which it is looked up is root's alone. Whether
/// what it leads to is so too is left to the caller: see [`Found::is_exposed`].
pub(super) fn open(path: &Path) -> Result<Found, Distrust> {
    let mut shown = PathBuf::from(ROOT);
    let mut place = look(None, OsStr::new(ROOT), &shown)?;
    // Where it begins, we are.
    let mut steps: VecDeque<OsString> = steps(path).skip_while(|step| step == ROOT).collect();
    let mut links = 0;
    while let Some(step) = steps.pop_front() {
        if place.is_exposed() {
            return Err(Distrust::Exposed(shown));
        }
        let next = shown.join(&step);
        if step == ROOT {
            (place, shown) = (look(None, OsStr::new(ROOT), &next)?, next);
            continue;
        }
        let found = look(Some(&place.descriptor), &step, &next)?;
        if found.kind() != FileType::Symlink {
            (place, shown) = (found, next);
            continue;
        }
        links += 1;
        let failed = |errno| Distrust::Open { path: next.clone(), errno };
        if links > LINKS {
            return Err(failed(Errno::LOOP));
        }
        let target = readlinkat(&found.descriptor, "", Vec::new()).map_err(failed)?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        for step in self::steps(&target).collect::<Vec<_>>().into_iter().rev() {
            steps.push_front(step);
        }
    }
    Ok(place)
}

/// The names in a path, `/` first where it is absolute.
fn steps(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter(|step| *step != Component::CurDir).map(|step| step.as_os_str().to_owned())
}

fn look(place: Option<&OwnedFd>, name: &OsStr, path: &Path) -> Result<Found, Distrust> {
    let failed = |errno| Distrust::Open { path: path.to_owned(), errno };
    let opened = match place {
        Some(place) => openat(place, name, LOOK, Mode::empty()),
        None => openat(CWD, name, LOOK, Mode::empty()),
    };
    let descriptor = opened.map_err(failed)?;
    let stat = fstat(&descriptor).map_err(failed)?;
    Ok(Found { descriptor, stat })
}
