//! Takes over the runtime root of an earlier release while its sessions continue.
//!
//! That root was a plain directory in /run. It holds a tmpfs or a plain directory for each user. Each of these is
//! mounted in the new root. The file system stays the same, so running programs do not notice.

use super::{
    PlacesError,
    make::mount_in_one_step,
    mounts,
    state::{PRIVATE, USERS, look_at},
    user_dirs::{BEFORE, RETIRED, failed, is_mounted_on, make_dir, seal},
};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, StatxFlags, open, statx, unlinkat},
    io::Errno,
};
use std::{
    fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

/// The mount point where the new root is assembled, in the private part of the state directory.
const ASIDE: &str = "user.new";

/// A directory in the old root.
struct OldDirectory {
    name: PathBuf,
    /// True if something is mounted on it.
    is_mounted: bool,
    /// True if a broker made it as a plain directory.
    is_plain: bool,
    /// True if a broker was killed while it made the directory.
    is_half_made: bool,
}

/// Mounts the file system `new` on `path`, with all directories that are in the directory there.
pub(super) fn take_over(new: &OwnedFd, path: &Path, state_dir: &Path) -> Result<(), PlacesError> {
    let old = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|source| PlacesError::inspect(path, source))?;
    let claims = state_dir.join(PRIVATE).join(USERS);
    let directories =
        list(path)?.into_iter().map(|name| look(path, &claims, name)).collect::<Result<Vec<_>, _>>()?;
    let has_retired = fs::read_dir(path.join(RETIRED)).is_ok_and(|mut names| names.next().is_some());
    let aside = state_dir.join(PRIVATE).join(ASIDE);
    mount_in_one_step(new, &aside, path, |aside| {
        make_dir(aside.join(RETIRED))?;
        let mut whole = directories.iter().filter(|directory| !directory.is_half_made);
        whole.try_for_each(|directory| copy_mount(&old, aside, &directory.name))
    })?;
    // It is visible again, and empty.
    let _ = unlinkat(CWD, &aside, AtFlags::REMOVEDIR);
    if has_retired || directories.iter().any(|directory| directory.is_plain) {
        mount_old_root(&old, &path.join(RETIRED))?;
    }
    let hidden = directories.iter().filter(|directory| directory.is_mounted || directory.is_half_made);
    hidden.for_each(|directory| unmount_old(&old, &directory.name));
    Ok(())
}

/// The directories in the old root, without `.ck-retired`.
fn list(path: &Path) -> Result<Vec<PathBuf>, PlacesError> {
    let failed = |source: io::Error| PlacesError::TakeOver { path: path.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_directory = entry.file_type().map_err(failed)?.is_dir();
        match entry.file_name() {
            name if name == RETIRED => {}
            name if is_directory => names.push(name.into()),
            name => log::warn!("{}: not a directory, hidden by the new mount", path.join(name).display()),
        }
    }
    Ok(names)
}

/// Inspects the directory `name`. Detaches file systems that its user has mounted on our tmpfs, because only the
/// uppermost mount can be copied.
fn look(path: &Path, claims: &Path, name: PathBuf) -> Result<OldDirectory, PlacesError> {
    let (place, claim) = (path.join(&name), claims.join(&name));
    let claimed = fs::read_to_string(&claim).ok();
    let is_mounted = is_mounted_on(&place)?;
    let ours = claimed.as_deref().map(str::trim_end).filter(|line| line.contains(':'));
    if let Some(ours) = ours {
        while device(&place).map_err(|source| PlacesError::inspect(&place, source))? != ours {
            match mounts::detach(&place) {
                Ok(()) => {
                    log::warn!("{}: a mount on top of the runtime directory was detached", place.display())
                }
                Err(Errno::INVAL) => break,
                Err(source) => return Err(failed(&place, source)),
            }
        }
    }
    // A directory that root still owns was never finished, so nobody uses it.
    let is_roots = look_at(&place)?.uid() == 0;
    let is_plain = claimed.is_some() && ours.is_none() && !is_mounted && !is_roots;
    if is_plain {
        // The broker finds it there from now on: see `Claims`.
        fs::write(&claim, format!("{BEFORE}/{}\n", name.display()))
            .map_err(|source| PlacesError::TakeOver { path: claim, source })?;
    }
    Ok(OldDirectory {
        name,
        is_mounted,
        is_plain,
        is_half_made: claimed.is_some() && is_roots && !is_mounted,
    })
}

/// The device number of the file system at `path`, in the form of a claim.
fn device(path: &Path) -> Result<String, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    statx(CWD, path, flags, StatxFlags::empty())
        .map(|found| format!("{}:{}", found.stx_dev_major, found.stx_dev_minor))
}

/// Mounts the directory `name` of the old root in the new root.
fn copy_mount(old: &OwnedFd, aside: &Path, name: &Path) -> Result<(), PlacesError> {
    let place = make_dir(aside.join(name))?;
    mounts::copy(old, name, true)
        .and_then(|copy| mounts::attach(&copy, CWD, &place))
        .map_err(|source| failed(&place, source))
}

/// Mounts the old root in `.ck-retired`, because plain directories in it still have to be torn down.
fn mount_old_root(old: &OwnedFd, retired: &Path) -> Result<(), PlacesError> {
    if let Some(errno) = seal(retired)? {
        return Err(failed(retired, errno));
    }
    let before = make_dir(retired.join(BEFORE))?;
    mounts::copy(old, Path::new(""), false)
        .and_then(|copy| mounts::attach(&copy, CWD, &before))
        .map_err(|source| failed(&before, source))
}

/// Removes the mounts that were copied from the old root, which is no longer visible. The rest takes a few bytes until
/// the next boot.
fn unmount_old(old: &OwnedFd, name: &Path) {
    let hidden = PathBuf::from(format!("/proc/self/fd/{}", old.as_raw_fd())).join(name);
    while mounts::detach(&hidden).is_ok() {}
    let _ = unlinkat(old, name, AtFlags::REMOVEDIR);
}
