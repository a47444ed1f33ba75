//! Opening what only root can change: the path itself, what is above it up to `/`, and every
//! symbolic link on the way.

use crate::lookup::{Last, Place, find};
use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat},
    io::Errno,
};
use std::{
    collections::{BTreeMap, VecDeque},
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStringExt},
    path::{Component, Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How many symbolic links are followed: `MAXSYMLINKS` of Linux.
const LINKS: usize = 40;
/// Nothing here asks a file system for more than it must, and nothing waits (open(2), `O_PATH`).
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const ROOT: &str = "/";
/// Two changes within this time may leave the same time in an inode, on the coarsest file systems there are.
const RACY: Duration = Duration::from_secs(2);

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

/// What was looked at on the way to something, and how it was then: so that it need not be opened again to see that
/// nothing has changed.
///
/// What is there is kept open, so that its name is found at once when it is looked at again; and a name that was missing is only looked
/// for where that takes no time: whoever may read the directory could hold us up (see [`crate::lookup`]). One that has just come is
/// known.
#[derive(Debug, Default)]
pub(super) struct Trail(BTreeMap<PathBuf, Option<(Stamp, OwnedFd)>>);

/// Another one whenever the names in a directory, its owner or its permissions have changed, or another inode
/// is in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    mode: u32,
    uid: u32,
    changed: (i64, i64),
}

impl Trail {
    /// Whether all is as it was. What is above is looked at first, so that nothing is looked up in a
    /// directory that has been given to somebody else.
    pub(super) fn is_unchanged(&self) -> bool {
        let is_same = |path: &Path, stamp: &Stamp| {
            statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| Stamp::of(&stat) == *stamp)
        };
        self.0.iter().all(|(path, there)| match there {
            Some((stamp, _)) => is_same(path, stamp),
            None => is_missing(path),
        })
    }

    /// Whether a change after `looked`, when the way was begun, would be seen.
    pub(super) fn is_settled(&self, looked: SystemTime) -> bool {
        let since = looked.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().saturating_sub(RACY);
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.0.values().flatten().all(|(stamp, _)| stamp.changed.0 < seconds)
    }

    fn note(&mut self, path: &Path, found: &Result<Found, Distrust>) {
        match found {
            Ok(found) => {
                let kept = found.descriptor.try_clone().ok();
                self.0.insert(path.to_owned(), kept.map(|kept| (Stamp::of(&found.stat), kept)));
            }
            Err(Distrust::Open { errno: Errno::NOENT, .. }) => drop(self.0.insert(path.to_owned(), None)),
            Err(_) => {}
        }
    }
}

/// Whether nothing has this name, as far as that can be said at once.
fn is_missing(path: &Path) -> bool {
    match find(path, Last::Keep) {
        Ok(Place { handle: Some(_), .. }) => false,
        Ok(_) => matches!(statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT)),
        Err(_) => true,
    }
}

impl Stamp {
    #[allow(
        clippy::useless_conversion,
        clippy::unnecessary_fallible_conversions,
        reason = "the fields of `stat` have other widths on other architectures"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            inode: (stat.st_dev.into(), stat.st_ino.into()),
            mode: stat.st_mode.into(),
            uid: stat.st_uid.into(),
            changed: (stat.st_ctime.into(), i64::try_from(stat.st_ctime_nsec).unwrap_or(i64::MAX)),
        }
    }
}

/// Opens `path`, which is absolute, if every directory in which it is looked up is root's alone. Whether
/// what it leads to is so too is left to the caller: see [`Found::is_exposed`]. All that is looked at is noted in `trail`.
pub(super) fn open(path: &Path, trail: &mut Trail) -> Result<Found, Distrust> {
    let mut look = |place: Option<&OwnedFd>, name: &OsStr, path: &Path| {
        let found = look(place, name, path);
        trail.note(path, &found);
        found
    };
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
