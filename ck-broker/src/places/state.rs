//! The state directory: a tmpfs of its own with the sockets, and with a private part that keeps the state for a
//! restart.

use super::{
    PlacesError, directory, lock,
    make::{is_refused, open_to_pass},
    mounts,
};
use crate::sys::filter::refused_mount_call;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, mkdirat, open, openat, unlinkat},
    io::Errno,
    mount::MountAttrFlags,
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

/// The private part of the state directory: only root can enter it.
pub(crate) const PRIVATE: &str = "state";
/// The session records, in the private part.
pub(crate) const SESSIONS: &str = "sessions";
/// The claims: the users whose directories the broker has made.
pub(crate) const USERS: &str = "users";
/// The first session id that was never used.
pub(crate) const NEXT_ID: &str = "next-id";
/// The boot that the state is of.
pub(crate) const BOOT: &str = "boot";
/// The lock of the broker.
pub(crate) const LOCK: &str = "lock";
/// The prefix of names that are to be swept away: `ck-remove-directory --sweep` removes them.
pub(crate) const SWEPT: &str = "empty-";
/// Space for a page and an inode for each of 65,536 sessions, twice.
const TMPFS_OPTIONS: [(&str, &str); 4] =
    [("source", "tmpfs"), ("mode", "0711"), ("size", "512m"), ("nr_inodes", "262144")];
/// The private part while it is being filled.
const HALF_MADE: &str = ".state.new";
/// What protects it where the broker does not.
const ADVICE: &str = "mount a tmpfs on it before ck-broker starts";
/// The maximum size of a file that is taken over, in bytes: larger than any record.
const MAX_FILE_SIZE: u64 = 65_536;

/// Prepares the state directory at `path`. Returns a problem if it cannot be protected.
pub(super) fn make(path: &Path, sockets_are_passed: bool) -> Result<Option<String>, PlacesError> {
    let is_mounted = mounts::is_mounted_on(path).map_err(|source| PlacesError::inspect(path, source))?;
    let unprotected = match is_mounted {
        true => None,
        // A mount would hide the sockets.
        false if sockets_are_passed => Some(format!("the service manager's sockets are in it: {ADVICE}")),
        false => match refused_mount_call() {
            Some(refused) => Some(refused.to_string()),
            None => mount(path)?.map(|errno| format!("nothing can be mounted there: {errno}: {ADVICE}")),
        },
    };
    open_to_pass(path)?;
    let private = path.join(PRIVATE);
    if !directory::inspect(&private)? {
        let half_made = path.join(HALF_MADE);
        // Left over if an earlier start was killed here.
        let _ = fs::remove_dir_all(&half_made);
        directory::make(&half_made, 0o700)?;
        let old = match unprotected {
            Some(_) => Some(inherit(path, &half_made)?),
            None => inherit_from_beneath(path, &half_made)?,
        };
        let failed = |source| PlacesError::TakeOver { path: private.clone(), source };
        fs::rename(&half_made, &private).map_err(failed)?;
        old.inspect(remove_records);
    }
    directory::make(&private.join(SESSIONS), 0o700)?;
    directory::make(&private.join(USERS), 0o700)?;
    Ok(unprotected
        .map(|why| format!("{}: not protected from local users who hold it: {why}", path.display())))
}

/// Mounts a tmpfs there. Returns the error if mounting is not permitted.
fn mount(path: &Path) -> Result<Option<Errno>, PlacesError> {
    let failed = |source| PlacesError::Mount { path: path.to_owned(), source };
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let new = match mounts::tmpfs(&TMPFS_OPTIONS, attributes) {
        Ok(new) => new,
        Err(errno) if is_refused(errno) => return Ok(Some(errno)),
        Err(source) => return Err(failed(source)),
    };
    // The mount would hide a running broker of an earlier release.
    drop(earlier_lock(path)?);
    mounts::attach(&new, CWD, path).map_err(failed)?;
    mounts::make_private(path).map_err(failed)?;
    Ok(None)
}

/// Takes over the state of an earlier release from the directory that the mount at `path` hides. Returns that
/// directory.
fn inherit_from_beneath(path: &Path, to: &Path) -> Result<Option<OwnedFd>, PlacesError> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
    // A copy without the mounts in it.
    let above = match mounts::copy(CWD, above, false) {
        Ok(above) => above,
        // Another process has mounted it and mounting is not permitted here. Then the broker has no state beneath it.
        Err(errno) if is_refused(errno) => return Ok(None),
        Err(source) => return Err(PlacesError::inspect(above, source)),
    };
    let beneath = PathBuf::from(format!("/proc/self/fd/{}", above.as_raw_fd())).join(name);
    // The state of an earlier release, or of a broker that was not permitted to mount.
    let mut from = [beneath.clone(), beneath.join(PRIVATE)].into_iter();
    from.find(|from| from.join(SESSIONS).is_dir()).map(|from| inherit(&from, to)).transpose()
}

/// Takes over the state of an earlier release from the directory `from`. Returns that directory.
fn inherit(from: &Path, to: &Path) -> Result<OwnedFd, PlacesError> {
    let old = open(from, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|source| PlacesError::inspect(from, source))?;
    // Held until everything is taken over, so that no broker of that release starts meanwhile.
    let _lock = earlier_lock(from)?;
    for name in [SESSIONS, USERS] {
        mkdirat(CWD, to.join(name), Mode::RWXU)
            .map_err(|source| PlacesError::Make { path: to.join(name), source })?;
        copy_files(&from.join(name), &to.join(name))?;
    }
    copy_file(&from.join(NEXT_ID), &to.join(NEXT_ID))?;
    Ok(old)
}

/// Acquires the lock of an earlier release, which is directly in the directory `from`. It is an error if such a broker
/// runs.
fn earlier_lock(from: &Path) -> Result<Option<File>, PlacesError> {
    let file = from.join(LOCK);
    Ok(if file.exists() { Some(lock::take(&file, from)?) } else { None })
}

/// Checks that no other broker runs on the state directory at `path`, before anything else is made.
pub(super) fn refuse_second(path: &Path) -> Result<(), PlacesError> {
    drop(lock::take(&path.join(PRIVATE).join(LOCK), path)?);
    Ok(())
}

/// Copies the files of the directory `from`, if there is one, into `to`.
pub(super) fn copy_files(from: &Path, to: &Path) -> Result<(), PlacesError> {
    let failed = |source| PlacesError::TakeOver { path: from.to_owned(), source };
    let names = match fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        names => names.map_err(failed)?,
    };
    for entry in names {
        let name = entry.map_err(failed)?.file_name();
        copy_file(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

pub(super) fn look_at(path: &Path) -> Result<fs::Metadata, PlacesError> {
    fs::symlink_metadata(path).map_err(|source| PlacesError::TakeOver { path: path.to_owned(), source })
}

fn copy_file(from: &Path, to: &Path) -> Result<(), PlacesError> {
    let failed = |source| PlacesError::TakeOver { path: from.to_owned(), source };
    let file = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file.map_err(failed)?,
    };
    let mut contents = Vec::new();
    file.take(MAX_FILE_SIZE).read_to_end(&mut contents).map_err(failed)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut copy =
        File::from(open(to, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?);
    copy.write_all(&contents).map_err(failed)
}

/// Removes the originals of the copied files. Files that cannot be removed take a few bytes until the next boot.
fn remove_records(old: &OwnedFd) {
    for name in [SESSIONS, USERS] {
        let Ok(directory) =
            openat(old, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        else {
            continue;
        };
        for entry in rustix::fs::Dir::read_from(&directory).into_iter().flatten().flatten() {
            let _ = unlinkat(&directory, entry.file_name(), AtFlags::empty());
        }
        let _ = unlinkat(old, name, AtFlags::REMOVEDIR);
    }
    for name in [NEXT_ID, LOCK] {
        let _ = unlinkat(old, name, AtFlags::empty());
    }
}
