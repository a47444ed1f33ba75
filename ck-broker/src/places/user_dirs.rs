//! The runtime root: a tmpfs of its own, visible in the mount namespaces that were copied from ours. The retired
//! directories are in a private mount in it.

use super::{
    PlacesError, directory, inherit,
    make::{is_refused, open_to_pass},
    mounts,
};
use crate::sys::filter::refused_mount_call;
use rustix::{
    fs::{AtFlags, CWD, Mode, mkdirat, unlinkat},
    io::Errno,
    mount::MountAttrFlags,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where retired directories wait for their teardown, within the root.
pub(crate) const RETIRED: &str = ".ck-retired";
/// The mount point of the runtime root of an earlier release, in `.ck-retired`, as long as plain directories of it are
/// left.
pub(crate) const BEFORE: &str = "before";
/// All plain directories together may take 20% of memory. A runtime directory that is a tmpfs has its own limit.
const TMPFS_OPTIONS: [(&str, &str); 3] = [("source", "tmpfs"), ("mode", "0711"), ("size", "20%")];

/// Prepares the root at `path`. Returns a problem if it cannot be protected.
pub(super) fn make(path: &Path, state_dir: &Path) -> Result<Option<String>, PlacesError> {
    let filtered = refused_mount_call();
    let why = match &filtered {
        Some(refused) => Some(refused.to_string()),
        None if is_mounted_on(path)? => None,
        None => mount(path, state_dir)?.map(not_permitted),
    };
    open_to_pass(path)?;
    let retired = path.join(RETIRED);
    directory::make(&retired, 0o700)?;
    let is_sealed = is_mounted_on(&retired)?;
    if let Some(refused) = filtered.filter(|_| is_sealed) {
        // The directories in it were mounted by a broker without the filter.
        return Err(PlacesError::Filter(refused));
    }
    let why = match why {
        None if !is_sealed => seal(&retired)?.map(not_permitted),
        why => why,
    };
    match why {
        None => {
            mounts::make_shared(path).map_err(|source| failed(path, source))?;
            detach_old_root(&retired.join(BEFORE))?;
            Ok(None)
        }
        Some(why) => {
            Ok(Some(format!("{}: not protected from local users who hold it: {why}", path.display())))
        }
    }
}

fn not_permitted(errno: Errno) -> String {
    format!("nothing can be mounted there ({errno}): give ck-broker CAP_SYS_ADMIN, or see docs/THREATS.md")
}

/// Mounts a tmpfs there, with the directories of an earlier release. Returns the error if mounting is not permitted.
fn mount(path: &Path, state_dir: &Path) -> Result<Option<Errno>, PlacesError> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    match mounts::tmpfs(&TMPFS_OPTIONS, attributes) {
        Ok(new) => inherit::take_over(&new, path, state_dir).map(|()| None),
        Err(errno) if is_refused(errno) => Ok(Some(errno)),
        Err(source) => Err(failed(path, source)),
    }
}

/// Makes `.ck-retired` a private mount of its own: mount events propagate neither from it nor to it. Returns the error
/// if mounting is not permitted.
pub(super) fn seal(retired: &Path) -> Result<Option<Errno>, PlacesError> {
    let sealed = mounts::copy(CWD, retired, false)
        .and_then(|copy| mounts::attach(&copy, CWD, retired))
        .and_then(|()| mounts::make_private(retired));
    match sealed {
        Ok(()) => Ok(None),
        Err(errno) if is_refused(errno) => Ok(Some(errno)),
        Err(source) => Err(failed(retired, source)),
    }
}

/// Detaches the root of an earlier release if it is empty.
fn detach_old_root(before: &Path) -> Result<(), PlacesError> {
    if !before.exists() {
        return Ok(());
    }
    // This succeeds only if it is empty.
    let _ = unlinkat(CWD, before.join(RETIRED), AtFlags::REMOVEDIR);
    let is_empty = fs::read_dir(before).is_ok_and(|mut names| names.next().is_none());
    if is_empty {
        match mounts::detach(before) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(source) => return Err(failed(before, source)),
        }
        let _ = unlinkat(CWD, before, AtFlags::REMOVEDIR);
    }
    Ok(())
}

/// Creates an empty directory that root owns. An existing one is accepted.
pub(super) fn make_dir(path: PathBuf) -> Result<PathBuf, PlacesError> {
    match mkdirat(CWD, &path, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => Ok(path),
        Err(source) => Err(PlacesError::Make { path, source }),
    }
}

pub(super) fn is_mounted_on(path: &Path) -> Result<bool, PlacesError> {
    mounts::is_mounted_on(path).map_err(|source| PlacesError::inspect(path, source))
}

pub(super) fn failed(path: &Path, source: Errno) -> PlacesError {
    PlacesError::Mount { path: path.to_owned(), source }
}
