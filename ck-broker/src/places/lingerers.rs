//! The directory with the records of lingering users. Other users cannot search it, so they can neither look up a name
//! in it nor block it.

use super::{
    PlacesError, directory,
    state::{copy_files, look_at},
};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// The mode of the directory.
const MODE: u32 = 0o700;

/// Creates the directory at `path` and its parent. Replaces a directory of an earlier release that other users could
/// read, because they may have kept it open.
pub(super) fn make(path: &Path) -> Result<(), PlacesError> {
    if let Some(parent) = path.parent() {
        directory::make(parent, 0o755)?;
    }
    directory::make(path, MODE)?;
    if look_at(path)?.mode() & 0o077 != 0 {
        replace(path)?;
    }
    Ok(())
}

fn replace(path: &Path) -> Result<(), PlacesError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = Path::new(&name);
    let failed = |source| PlacesError::TakeOver { path: path.to_owned(), source };
    // Left over if an earlier start was killed here.
    let _ = fs::remove_dir_all(new);
    directory::make(new, MODE)?;
    copy_files(path, new)?;
    renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE).map_err(|errno| failed(errno.into()))?;
    fs::remove_dir_all(new).map_err(failed)
}
