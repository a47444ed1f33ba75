//! Where it is written who lingers: a directory that others cannot even pass through, so that nobody can look a name up in it, or
//! hold it.

use super::{
    PlacesError, directory,
    state::{copy_files, look_at},
};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{fs, os::unix::fs::MetadataExt, path::Path};

/// Its mode.
const MODE: u32 = 0o700;

/// Makes the directory at `path`, and what it is in. One of an earlier release, which others could read, is replaced: they may have
/// kept it open.
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
    // What a start has left that was killed here.
    let _ = fs::remove_dir_all(new);
    directory::make(new, MODE)?;
    copy_files(path, new)?;
    renameat_with(CWD, new, CWD, path, RenameFlags::EXCHANGE).map_err(|errno| failed(errno.into()))?;
    fs::remove_dir_all(new).map_err(failed)
}
