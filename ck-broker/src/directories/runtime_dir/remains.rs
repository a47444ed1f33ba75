//! What lies in the directory of the retired, `.ck-retired`, by its names:
//!
//! - `UID-N`: what a user has left. A tmpfs is mounted on it; or it holds a plain directory, `d`, which was the user's. (The
//!   plain directory may also still be in use, mounted in its place.)
//! - `empty-N`: a mount point that nobody needs any more, perhaps with file systems upon it that are none of ours.
//! - `before`: the root of an earlier release ([`crate::places`]), with what that retired in its own `.ck-retired`.

use super::root::RootError;
pub(super) use crate::places::state::SWEPT as EMPTY;
use crate::places::{
    mounts,
    user_dirs::{BEFORE, RETIRED},
};
use ck_protocol::Uid;
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The name of a plain directory in the entry that is for it alone.
pub(crate) const CONTENTS: &str = "d";

/// What a user has left, and is to be torn down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// Whose it was.
    pub uid: Uid,
    /// Where it is among the retired: a path there.
    pub name: PathBuf,
    /// Whether a tmpfs is mounted on it, for sure: it has just been. Otherwise that is looked for.
    pub is_mounted: bool,
}

impl Remains {
    /// What the remover is to remove, in the directory `retired`. An earlier release has put plain directories there themselves.
    ///
    /// A mount point may have lost its mount, when a worker was killed between the two; then nothing is in it, and the name that
    /// is looked for is not there, which is as good as removed.
    pub(crate) fn path(&self, retired: &Path) -> PathBuf {
        let path = retired.join(&self.name);
        if self.is_mounted || self.name.starts_with(BEFORE) {
            return path;
        }
        if is_entry(&path) { path.join(CONTENTS) } else { path }
    }
}

/// What an earlier broker has left among the retired.
#[derive(Debug, Default)]
pub(super) struct Left {
    /// What users have left, or still use.
    pub(super) entries: Vec<Remains>,
    /// Whether there are mount points that nobody needs any more.
    pub(super) has_empty: bool,
    /// The first number that none of them has.
    pub(super) next: u64,
}

/// Lists the directory `retired`. What is named otherwise is not ours.
pub(super) fn list(retired: &Path) -> Result<Left, RootError> {
    let mut left = Left::default();
    let mut numbered = Vec::new();
    for directory in [PathBuf::new(), Path::new(BEFORE).join(RETIRED)] {
        let path = retired.join(&directory);
        let names = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            names => names,
        };
        let failed = |source| RootError::List { path: path.clone(), source };
        for entry in names.map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let text = name.to_string_lossy();
            if let Some(number) = text.strip_prefix(EMPTY).and_then(|number| number.parse::<u64>().ok()) {
                left.has_empty = true;
                left.next = left.next.max(number + 1);
            } else if let Some((uid, number)) = parse(&text) {
                left.next = left.next.max(number + 1);
                undo_half_made(&path.join(&name));
                numbered.push((number, Remains { uid, name: directory.join(&name), is_mounted: false }));
            } else if text != BEFORE {
                log::warn!("{}: not put there by ck-broker, left alone", path.join(&name).display());
            }
        }
    }
    numbered.sort_unstable_by_key(|(number, _)| *number);
    left.entries = numbered.into_iter().map(|(_, entry)| entry).collect();
    Ok(left)
}

fn is_roots(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.uid() == 0)
}

/// Whether it is an entry that is for a plain directory alone.
fn is_entry(path: &Path) -> bool {
    is_roots(path) && !mounts::is_mounted_on(path).unwrap_or(false)
}

/// Removes the plain directory of an entry if it is root's still: the broker was killed before it gave it to its user, and the
/// remover touches none but the user's. If it cannot be removed, the teardown tells why.
fn undo_half_made(entry: &Path) {
    let contents = entry.join(CONTENTS);
    if is_entry(entry) && is_roots(&contents) {
        let _ = fs::remove_dir(contents);
    }
}

fn parse(name: &str) -> Option<(Uid, u64)> {
    let (uid, number) = name.split_once('-')?;
    Some((Uid::try_from(uid.parse::<u32>().ok()?).ok()?, number.parse().ok()?))
}
