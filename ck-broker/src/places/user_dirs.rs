//! The root of the runtime directories: a tmpfs of its own, seen in the mount namespaces that are copied from ours; and in
//! it, private, what was retired.

use super::{
    PlacesError, directory, inherit,
    make::{is_refused, open_to_pass},
    mounts,
};
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
/// Where in there the root of an earlier release is seen, as long as plain directories of it are left.
pub(crate) const BEFORE: &str = "before";
/// What all plain directories together may take: of memory. Those that are tmpfs have a size of their own.
const OPTIONS: [(&str, &str); 3] = [("source", "tmpfs"), ("mode", "0711"), ("size", "20%")];

/// Makes the root at `path` what it should be. Says what it is not.
pub(super) fn make(path: &Path, state_dir: &Path) -> Result<Option<String>, PlacesError> {
    let refused = match is_mounted_on(path)? {
        true => None,
        false => mount(path, state_dir)?,
    };
    open_to_pass(path)?;
    let retired = path.join(RETIRED);
    directory::make(&retired, 0o700)?;
    let refused = match refused {
        None if !is_mounted_on(&retired)? => seal(&retired)?,
        refused => refused,
    };
    match refused {
        None => {
            mounts::make_shared(path).map_err(|source| failed(path, source))?;
            forget_before(&retired.join(BEFORE))?;
            Ok(None)
        }
        Some(errno) => Ok(Some(format!(
            "{}: not protected from local users who hold it: nothing can be mounted there ({errno}): give ck-broker CAP_SYS_ADMIN, or see docs/THREATS.md",
            path.display()
        ))),
    }
}

/// Mounts a tmpfs there, with what an earlier release has left. Says why not, where mounting is refused.
fn mount(path: &Path, state_dir: &Path) -> Result<Option<Errno>, PlacesError> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    match mounts::tmpfs(&OPTIONS, attributes) {
        Ok(new) => inherit::take_over(&new, path, state_dir).map(|()| None),
        Err(errno) if is_refused(errno) => Ok(Some(errno)),
        Err(source) => Err(failed(path, source)),
    }
}

/// Makes the directory of the retired a mount of its own, private: what is mounted there is seen here only, and nothing that
/// happens to what it was copied from happens to it. Says why not, where mounting is refused.
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

/// Takes the root of an earlier release off, once nothing of it is left.
fn forget_before(before: &Path) -> Result<(), PlacesError> {
    if !before.exists() {
        return Ok(());
    }
    // It goes if it is empty; who is left there keeps the rest.
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

/// Makes an empty directory of root's; one that is there will do.
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
