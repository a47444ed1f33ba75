//! Opens files that only root can change. This includes all directories up to `/`, and every symbolic link on the way.

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

/// The maximum number of symbolic links that are followed: `MAXSYMLINKS` of Linux.
const MAX_LINKS: usize = 40;
/// Opening with `O_PATH` does not wait (open(2)).
const OPEN_FLAGS: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const ROOT: &str = "/";
/// Two changes within this time may leave the same time stamp in an inode. The coarsest file systems count in two
/// seconds.
const TIMESTAMP_GRANULARITY: Duration = Duration::from_secs(2);

/// Why a file is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    /// It does not exist, or cannot be opened.
    #[error("cannot open {}: {errno}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        errno: Errno,
    },
    /// Users other than root can change it.
    #[error("users other than root can change {}: chown root and chmod go-w it", .0.display())]
    Exposed(PathBuf),
}

/// A file that was opened with `O_PATH`.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) descriptor: OwnedFd,
    pub(super) stat: Stat,
}

impl Found {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// True if users other than root can write to it. The group bits include what an access control list allows
    /// (acl(5)).
    pub(super) fn is_exposed(&self) -> bool {
        self.stat.st_uid != 0 || self.stat.st_mode & 0o022 != 0
    }
}

/// The files that were looked at on the way to a file, and their state at that time. With it, a change is noticed
/// without opening them again.
///
/// The files are kept open, so that their names stay in the kernel's cache. A name that was missing is looked up only
/// in that cache, because a user who can read the directory could block any other lookup (see [`crate::lookup`]). The
/// cache knows a name that was created since.
#[derive(Debug, Default)]
pub(super) struct PathStamps(BTreeMap<PathBuf, Option<(Stamp, OwnedFd)>>);

/// The state of a file. It differs after the names in a directory, its owner or its permissions have changed, and if
/// another inode has taken its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    mode: u32,
    uid: u32,
    changed: (i64, i64),
}

impl PathStamps {
    /// True if nothing has changed. Parent directories are checked first, so that no name is looked up in a directory
    /// that now belongs to another user.
    pub(super) fn is_unchanged(&self) -> bool {
        let is_same = |path: &Path, stamp: &Stamp| {
            statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| Stamp::of(&stat) == *stamp)
        };
        self.0.iter().all(|(path, there)| match there {
            Some((stamp, _)) => is_same(path, stamp),
            None => is_missing(path),
        })
    }

    /// True if a change after `looked`, the beginning of the look, would be noticed.
    pub(super) fn is_stable(&self, looked: SystemTime) -> bool {
        let since = looked
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .saturating_sub(TIMESTAMP_GRANULARITY);
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

/// True if the name does not exist, as far as the kernel's cache knows.
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

/// Opens the absolute path `path`, if only root can change the directories in which names are looked up. The caller
/// checks the file itself: see [`Found::is_exposed`]. Adds everything that is looked at to `stamps`.
pub(super) fn open(path: &Path, stamps: &mut PathStamps) -> Result<Found, Distrust> {
    let mut look = |place: Option<&OwnedFd>, name: &OsStr, path: &Path| {
        let found = look(place, name, path);
        stamps.note(path, &found);
        found
    };
    let mut shown = PathBuf::from(ROOT);
    let mut place = look(None, OsStr::new(ROOT), &shown)?;
    // The root directory is open already.
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
        if links > MAX_LINKS {
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

/// The names in a path. The first one is `/` if the path is absolute.
fn steps(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter(|step| *step != Component::CurDir).map(|step| step.as_os_str().to_owned())
}

fn look(place: Option<&OwnedFd>, name: &OsStr, path: &Path) -> Result<Found, Distrust> {
    let failed = |errno| Distrust::Open { path: path.to_owned(), errno };
    let opened = match place {
        Some(place) => openat(place, name, OPEN_FLAGS, Mode::empty()),
        None => openat(CWD, name, OPEN_FLAGS, Mode::empty()),
    };
    let descriptor = opened.map_err(failed)?;
    let stat = fstat(&descriptor).map_err(failed)?;
    Ok(Found { descriptor, stat })
}
