//! The state directory: a tmpfs of its own with the sockets, and in it, closed to all others, what a restart must find.

use super::{
    PlacesError, directory,
    make::{forget_aside, is_refused, open_to_pass, put_in_place},
    mounts,
};
use rustix::{
    fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, fcntl_lock, mkdirat, open, openat, unlinkat},
    io::Errno,
    mount::MountAttrFlags,
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::Path,
};

/// What is in the state directory and for nobody else.
pub(crate) const PRIVATE: &str = "state";
/// Where sessions are recorded, in there.
pub(crate) const SESSIONS: &str = "sessions";
/// Where it is recorded whose directories are ours.
pub(crate) const USERS: &str = "users";
/// The first id that was never given.
pub(crate) const NEXT_ID: &str = "next-id";
/// The lock of the one broker.
pub(crate) const LOCK: &str = "lock";
/// How names in there begin that are to be swept away. `ck-remove-directory --sweep` goes by it.
pub(crate) const SWEPT: &str = "empty-";
/// The sockets.
const SOCKETS: [&str; 2] = ["session.sock", "admin.sock"];
/// Room for a page and an inode for each of 65,536 sessions, and as much again.
const OPTIONS: [(&str, &str); 3] = [("mode", "0711"), ("size", "512m"), ("nr_inodes", "262144")];
/// Where it is put together.
const ASIDE: &str = ".new";
/// The longest file that is taken over, in bytes: more than any record has.
const RECORD: u64 = 65_536;

/// Makes the state directory at `path` what it should be. Says what it is not.
pub(super) fn make(path: &Path, sockets_are_passed: bool) -> Result<Option<String>, PlacesError> {
    let mut problem = None;
    if !mounts::is_mounted_on(path).map_err(|source| PlacesError::inspect(path, source))? {
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        match mounts::tmpfs(&OPTIONS, attributes) {
            Ok(new) => take_over(&new, path, sockets_are_passed)?,
            Err(errno) if is_refused(errno) => {
                problem = Some(format!(
                    "{}: not protected from local users who hold it: no file system of its own can be mounted there ({errno}): mount a tmpfs on it before ck-broker starts",
                    path.display()
                ));
            }
            Err(source) => return Err(PlacesError::Mount { path: path.to_owned(), source }),
        }
    }
    open_to_pass(path)?;
    let private = path.join(PRIVATE);
    directory::make(&private, 0o700)?;
    if problem.is_some() {
        move_in(path, &private)?;
    }
    directory::make(&private.join(SESSIONS), 0o700)?;
    directory::make(&private.join(USERS), 0o700)?;
    Ok(problem)
}

/// Puts the file system `new` at `path`, with what an earlier release has left there, and removes that.
fn take_over(new: &OwnedFd, path: &Path, sockets_are_passed: bool) -> Result<(), PlacesError> {
    let failed = |source| PlacesError::inspect(path, source);
    let old =
        open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    // Held until we end: no broker of that release may start meanwhile.
    let _lock = lock_of_before(&old, path)?;
    put_in_place(new, &path.join(ASIDE), path, |aside| {
        copy_records(path, &aside.join(PRIVATE))?;
        // Logins that wait at the sockets of a service manager find them at every moment.
        SOCKETS.iter().filter(|_| sockets_are_passed).try_for_each(|name| keep_socket(&old, aside, name))
    })?;
    mounts::make_private(path).map_err(|source| PlacesError::Mount { path: path.to_owned(), source })?;
    forget_aside(&old, Path::new(ASIDE));
    forget_records(&old);
    Ok(())
}

/// The lock of a broker of an earlier release; an error where one runs.
fn lock_of_before(old: &OwnedFd, path: &Path) -> Result<Option<OwnedFd>, PlacesError> {
    let lock = match openat(old, LOCK, OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(lock) => lock,
        Err(Errno::NOENT) => return Ok(None),
        Err(source) => return Err(PlacesError::inspect(&path.join(LOCK), source)),
    };
    match fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(lock)),
        Err(_) => Err(PlacesError::Taken(path.to_owned())),
    }
}

/// Copies what is known of sessions and users from the directory `from` into `to`.
fn copy_records(from: &Path, to: &Path) -> Result<(), PlacesError> {
    let made = |path: &Path, made: Result<(), Errno>| {
        made.map_err(|source| PlacesError::Make { path: path.to_owned(), source })
    };
    made(to, mkdirat(CWD, to, Mode::RWXU))?;
    for name in [SESSIONS, USERS] {
        made(&to.join(name), mkdirat(CWD, to.join(name), Mode::RWXU))?;
        copy_files(&from.join(name), &to.join(name))?;
    }
    copy_file(&from.join(NEXT_ID), &to.join(NEXT_ID))
}

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
    file.take(RECORD).read_to_end(&mut contents).map_err(failed)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut copy =
        File::from(open(to, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| failed(errno.into()))?);
    copy.write_all(&contents).map_err(failed)
}

/// Has a socket of the service manager's appear in the new place too.
fn keep_socket(old: &OwnedFd, aside: &Path, name: &str) -> Result<(), PlacesError> {
    let copy = match mounts::copy(old, Path::new(name), false) {
        Ok(copy) => copy,
        Err(Errno::NOENT) => return Ok(()),
        Err(source) => return Err(PlacesError::inspect(Path::new(name), source)),
    };
    let path = aside.join(name);
    let failed = |source| PlacesError::Make { path: path.clone(), source };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(failed)?;
    mounts::attach(&copy, CWD, &path).map_err(failed)
}

/// Removes what was copied, from where nobody sees it any more. What stays takes a few bytes until the system ends.
fn forget_records(old: &OwnedFd) {
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

/// Where nothing can be mounted: moves what an earlier release has left into the private directory.
fn move_in(path: &Path, private: &Path) -> Result<(), PlacesError> {
    if path.join(LOCK).exists() {
        let old = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|source| PlacesError::inspect(path, source))?;
        drop(lock_of_before(&old, path)?);
        let _ = fs::remove_file(path.join(LOCK));
    }
    for name in [SESSIONS, USERS, NEXT_ID] {
        match fs::rename(path.join(name), private.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PlacesError::TakeOver { path: path.join(name), source: error });
            }
            _ => {}
        }
    }
    Ok(())
}
