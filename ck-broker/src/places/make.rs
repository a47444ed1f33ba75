//! Prepares the places before a broker can serve: checks, creates, and takes them over from an earlier release.

use super::{
    PlacesError, Wanted,
    directory::{self, check_ancestors, set_mode},
    lingerers, mounts, state, user_dirs,
};
use rustix::{
    fs::{CWD, Mode, mkdirat},
    io::Errno,
};
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// The mode of the places: other users can search them but not read them. A user who can read a directory can block it,
/// because getdents64(2) holds the lock of the directory while it waits for the memory that it writes to.
pub(super) const MODE: u32 = 0o711;

/// Creates what is missing. Returns the problems, one line each.
pub(super) fn run(wanted: &Wanted<'_>) -> Result<Vec<String>, PlacesError> {
    let mut problems = Vec::new();
    // All checks that can fail come before anything is created.
    for place in std::iter::once(wanted.state_dir).chain(wanted.runtime_root) {
        directory::inspect(place)?;
    }
    let state_dir = prepare(wanted.state_dir)?;
    problems.extend(state::make(&state_dir, wanted.sockets_are_passed)?);
    state::refuse_second(&state_dir)?;
    if let Some(root) = wanted.runtime_root {
        let root = prepare(root)?;
        problems.extend(user_dirs::make(&root, &state_dir)?);
    }
    if let Err(error) = lingerers::make(wanted.linger_dir) {
        problems.push(format!("lingering is not available: {error}"));
    }
    Ok(problems)
}

/// Creates the place if it is missing, and resolves the links in its path. Checks that only root can change or replace
/// it.
fn prepare(path: &Path) -> Result<PathBuf, PlacesError> {
    directory::make(path, MODE)?;
    let real =
        path.canonicalize().map_err(|source| PlacesError::Resolve { path: path.to_owned(), source })?;
    check_ancestors(&real)?;
    Ok(real)
}

/// Sets the mode of the place: other users can search it, but not read it.
pub(super) fn open_to_pass(path: &Path) -> Result<(), PlacesError> {
    if set_mode(path, MODE)? {
        log::warn!("{}: mode changed to {MODE:04o}", path.display());
    }
    Ok(())
}

/// True for the errors of mounting where it is not permitted: without CAP_SYS_ADMIN, or under a system call filter of a
/// container.
pub(super) fn is_refused(errno: Errno) -> bool {
    matches!(errno, Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::NODEV | Errno::INVAL)
}

/// Mounts the file system `new` on `place` in one step. It is first mounted on `aside` and filled there. Then it
/// appears at `place` with all mounts in it.
pub(super) fn mount_in_one_step(
    new: &OwnedFd,
    aside: &Path,
    place: &Path,
    fill: impl FnOnce(&Path) -> Result<(), PlacesError>,
) -> Result<(), PlacesError> {
    let failed = |source| PlacesError::Mount { path: place.to_owned(), source };
    match mkdirat(CWD, aside, Mode::RWXU) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(source) => return Err(PlacesError::Make { path: aside.to_owned(), source }),
    }
    mounts::attach(new, CWD, aside).map_err(failed)?;
    // Mounts in it must not propagate to other namespaces meanwhile.
    mounts::make_private(aside).map_err(failed)?;
    let filled = fill(aside).and_then(|()| {
        // The copied mounts are still peers of their originals, which are detached later.
        mounts::make_private(aside).map_err(failed)?;
        mounts::copy(CWD, aside, true).map_err(failed)
    });
    // Detached first, because `aside` may lie beneath `place`.
    mounts::detach(aside).map_err(failed)?;
    mounts::attach(&filled?, CWD, place).map_err(failed)
}
