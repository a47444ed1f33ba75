//! The names in the directory of the retired, `.ck-retired`:
//!
//! - `UID-N`: a retired runtime directory. Either a tmpfs is mounted on it, or it holds the plain directory `d` of the
//!   user. (The plain directory may also still be in use, mounted in the runtime root.)
//! - `empty-N`: an unused mount point. File systems of users may still be mounted on it.
//! - `before`: the runtime root of an earlier release ([`crate::places`]), with its own `.ck-retired`.

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

/// The name of a plain directory in its entry.
pub(crate) const CONTENTS: &str = "d";

/// A retired runtime directory that is to be torn down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residue {
    /// Its user.
    pub uid: Uid,
    /// Its path in `.ck-retired`.
    pub name: PathBuf,
    /// True if a tmpfs has just been mounted on it. If false, `Residue::path` checks that.
    pub is_mounted: bool,
}

impl Residue {
    /// The path for the remover, with the directory `retired`. An earlier release put plain directories directly into
    /// `.ck-retired`.
    ///
    /// A worker may have been killed after it had detached the tmpfs. The mount point is then empty, and the path does
    /// not exist, which counts as removed.
    pub(crate) fn path(&self, retired: &Path) -> PathBuf {
        let path = retired.join(&self.name);
        if self.is_mounted || self.name.starts_with(BEFORE) {
            return path;
        }
        if is_entry(&path) { path.join(CONTENTS) } else { path }
    }
}

/// The contents of `.ck-retired` at the start.
#[derive(Debug, Default)]
pub(super) struct RetiredEntries {
    /// Directories that are retired or still in use.
    pub(super) entries: Vec<Residue>,
    /// The first unused number.
    pub(super) next: u64,
}

/// Lists the directory `retired`. Other names are ignored.
pub(super) fn list(retired: &Path) -> Result<RetiredEntries, RootError> {
    let mut left = RetiredEntries::default();
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
                left.next = left.next.max(number + 1);
            } else if let Some((uid, number)) = parse(&text) {
                left.next = left.next.max(number + 1);
                undo_half_made(&path.join(&name));
                numbered.push((number, Residue { uid, name: directory.join(&name), is_mounted: false }));
            } else if text != BEFORE {
                log::warn!("{}: not made by ck-broker, ignored", path.join(&name).display());
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

/// True if it is the entry of a plain directory.
fn is_entry(path: &Path) -> bool {
    is_roots(path) && !mounts::is_mounted_on(path).unwrap_or(false)
}

/// Removes the plain directory of an entry if root still owns it. The broker was killed before it gave the directory to
/// its user, and the remover accepts only directories of the user. If it cannot be removed, the teardown reports why.
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
