//! What has to be there before a broker can serve: checked, made, and taken over from an earlier release.

use super::{
    PlacesError, Wanted,
    directory::{self, check_way, set_mode},
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

/// What others may do in the places: pass through. Whoever could read them could hold them: getdents64(2) holds the lock
/// of a directory as long as the memory is not there that it writes to.
pub(super) const MODE: u32 = 0o711;

/// Makes what is missing. Returns what is not as it should be, a line each.
pub(super) fn run(wanted: &Wanted<'_>) -> Result<Vec<String>, PlacesError> {
    let mut problems = Vec::new();
    // Everything that can be refused is, before anything is made.
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
        problems.push(format!("nobody can linger: {error}"));
    }
    Ok(problems)
}

/// The place, without links in its path, as a directory that only root can change or exchange.
fn prepare(path: &Path) -> Result<PathBuf, PlacesError> {
    directory::make(path, MODE)?;
    let real =
        path.canonicalize().map_err(|source| PlacesError::Resolve { path: path.to_owned(), source })?;
    check_way(&real)?;
    Ok(real)
}

/// Lets others pass through the place and no more.
pub(super) fn open_to_pass(path: &Path) -> Result<(), PlacesError> {
    if set_mode(path, MODE)? {
        log::warn!("{}: its mode is {MODE:04o} from now on", path.display());
    }
    Ok(())
}

/// What mounting says where it is not to be had: no CAP_SYS_ADMIN, or a filter of system calls around the container.
pub(super) fn is_refused(errno: Errno) -> bool {
    matches!(errno, Errno::PERM | Errno::ACCESS | Errno::NOSYS | Errno::NODEV | Errno::INVAL)
}

/// Puts the file system `new` in its place whole: it is mounted aside, filled there, and then appears at `place` with all that
/// is mounted in it, in one step.
pub(super) fn put_in_place(
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
    // What is mounted in it is to be seen nowhere else meanwhile.
    mounts::make_private(aside).map_err(failed)?;
    let filled = fill(aside).and_then(|()| {
        // What was copied into it is still tied to what it was copied from, which is to go.
        mounts::make_private(aside).map_err(failed)?;
        mounts::copy(CWD, aside, true).map_err(failed)
    });
    // Before it appears: what is aside may lie beneath it.
    mounts::detach(aside).map_err(failed)?;
    mounts::attach(&filled?, CWD, place).map_err(failed)
}
