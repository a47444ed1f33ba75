//! Creates a runtime directory.

use super::{
    Backing, Device, MountOptions, RuntimeRoot,
    residue::CONTENTS,
    tasks::{Task, TaskError},
};
use crate::{
    directories::DirectoryKind,
    lookup::{Last, find},
    places::mounts,
};
use ck_protocol::{Gid, Uid};
use rustix::{
    fs::{AtFlags, CWD, Mode, StatxFlags, chownat, mkdirat, statx, unlinkat},
    io::Errno,
    mount::{MountFlags, mount},
};
use std::{
    ffi::CString,
    path::{Path, PathBuf},
};

/// What has the name of a runtime directory before it is made.
#[derive(Debug, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// A usable directory that another program has made.
    Usable,
    /// Anything else. It must not be used.
    Unusable,
}

/// A runtime directory that has just been made.
#[derive(Debug)]
pub struct Created {
    /// What it is made of. `None` for a plain directory where mounting is not permitted.
    pub made: Option<DirectoryKind>,
    /// Why it is a plain directory although a tmpfs was configured and mounting is permitted.
    pub fell_back: Option<CreateError>,
}

/// Why a runtime directory could not be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The name could not be inspected.
    #[error("cannot inspect {}: {source}", path.display())]
    Inspect {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The directory could not be made.
    #[error("cannot make {}: {source}", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The directory could not be given to its user.
    #[error("cannot give {} to its user: {source}", path.display())]
    Give {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The tmpfs could not be mounted.
    #[error("cannot mount a tmpfs on {}: {source}", path.display())]
    Mount {
        /// The mount point.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The process that makes directories where mounting is not permitted has failed.
    #[error("cannot make {}: {source}", path.display())]
    Task {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: TaskError,
    },
    /// The plain directory could not be mounted in the runtime root.
    #[error("cannot mount {} on {}: {source}", from.display(), path.display())]
    Bind {
        /// The directory.
        from: PathBuf,
        /// The mount point.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
}

impl CreateError {
    /// True if a blocked process may still make the directory.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Task { source: TaskError::Blocked(_), .. })
    }
}

impl RuntimeRoot {
    /// Inspects the name of the user's runtime directory.
    ///
    /// # Errors
    /// [`CreateError::Inspect`]
    pub fn existing(&self, uid: Uid) -> Result<Existing, CreateError> {
        let path = self.of(uid);
        // Where mounting is not permitted, a user can block the lookup of a missing name.
        let place =
            if self.is_sealed { None } else { Some(find(&path, Last::Keep).map(|place| place.handle)) };
        let place = match place {
            Some(Err(Errno::NOENT)) => return Ok(Existing::Nothing),
            Some(Ok(handle)) => handle,
            _ => None,
        };
        // DONT_SYNC: cached attributes are sufficient. A FUSE server that never answers would block a request for fresh
        // ones.
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID;
        let found = match &place {
            Some(place) => statx(place, c"", flags | AtFlags::EMPTY_PATH, wanted),
            None => statx(CWD, &path, flags, wanted),
        };
        match found {
            Err(Errno::NOENT) => Ok(Existing::Nothing),
            Err(source) => Err(CreateError::Inspect { path, source }),
            // A directory with exactly the mode 0700.
            Ok(found) if found.stx_mode == 0o40700 && found.stx_uid == uid.get() => Ok(Existing::Usable),
            Ok(_) => Ok(Existing::Unusable),
        }
    }

    /// True if a directory that the user owns has the name of the runtime directory, with any mode.
    #[must_use]
    pub fn has(&self, uid: Uid) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let found = statx(CWD, self.of(uid), flags, StatxFlags::TYPE | StatxFlags::UID);
        found.is_ok_and(|found| found.stx_mode & 0o170_000 == 0o040_000 && found.stx_uid == uid.get())
    }

    /// Creates the runtime directory of the user, with mode 0700. The name must be free.
    ///
    /// # Errors
    /// [`CreateError`]; then the name is still free.
    pub fn create(&mut self, uid: Uid, gid: Gid) -> Result<Created, CreateError> {
        let path = self.of(uid);
        if let Some(task_runner) = &mut self.task_runner {
            if self.mount_options.backing == Backing::Tmpfs {
                return Err(CreateError::Mount { path, source: Errno::PERM });
            }
            let made = task_runner.run(Task::Make(uid, gid));
            made.map_err(|source| CreateError::Task { path, source })?;
            return Ok(Created { made: None, fell_back: None });
        }
        let name = uid.to_string();
        mkdirat(&self.bare, &name, Mode::RWXU)
            .map_err(|source| CreateError::Make { path: path.clone(), source })?;
        self.fill(&path, uid, gid).inspect_err(|_| {
            // Removes the unfinished directory; the caller receives the first error. It is moved and not removed,
            // because a user may have mounted something on it in another mount namespace.
            let _ = self.move_mount_point(uid);
        })
    }

    /// Turns the empty directory of root into the runtime directory of the user.
    fn fill(&mut self, path: &Path, uid: Uid, gid: Gid) -> Result<Created, CreateError> {
        let MountOptions { backing, noexec, .. } = self.mount_options;
        let mut fell_back = None;
        if backing != Backing::Directory {
            match self.mount(path, uid, gid) {
                Ok(()) => {
                    let device = mounted(path)?;
                    return Ok(Created { made: Some(DirectoryKind::Tmpfs(device)), fell_back });
                }
                Err(source) => {
                    let failed = CreateError::Mount { path: path.to_owned(), source };
                    if backing == Backing::Tmpfs {
                        return Err(failed);
                    }
                    let without = if noexec { ", and without noexec" } else { "" };
                    log::info!("{failed}: a plain directory instead{without}");
                    fell_back = Some(failed);
                }
            }
        }
        Ok(Created { made: Some(DirectoryKind::Plain(self.bind(path, uid, gid)?)), fell_back })
    }

    fn mount(&self, path: &Path, uid: Uid, gid: Gid) -> Result<(), Errno> {
        let MountOptions { size, inodes, noexec, .. } = self.mount_options;
        let (uid, gid) = (uid.get(), gid.get());
        let options = format!("mode=0700,uid={uid},gid={gid},size={size},nr_inodes={inodes}");
        let options = CString::new(options).map_err(|_| Errno::INVAL)?;
        let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
        flags.set(MountFlags::NOEXEC, noexec);
        mount("tmpfs", path, "tmpfs", flags, options.as_c_str())
    }

    /// Makes a plain directory in `.ck-retired`, where it stays when its user has left, and mounts it in the runtime
    /// root. Its parent contains nothing else: a user who blocks the directory also blocks its parent while the
    /// directory is being removed.
    fn bind(&mut self, path: &Path, uid: Uid, gid: Gid) -> Result<PathBuf, CreateError> {
        let wrapper = self.new_entry(uid);
        let within = wrapper.join(CONTENTS);
        let from = self.retired_path().join(&within);
        let made = [&wrapper, &within].into_iter().try_for_each(|name| {
            mkdirat(&self.retired, name, Mode::RWXU)
                .map_err(|source| CreateError::Make { path: self.retired_path().join(name), source })
        });
        let bound = made.and_then(|()| give(&self.retired, &within, &from, uid, gid)).and_then(|()| {
            mounts::copy(&self.retired, &within, false)
                .and_then(|copy| mounts::attach(&copy, CWD, path))
                .map_err(|source| CreateError::Bind { from: from.clone(), path: path.to_owned(), source })
        });
        bound.inspect_err(|_| {
            // They can be removed, because no user could look up a name here.
            for name in [&within, &wrapper] {
                let _ = unlinkat(&self.retired, name, AtFlags::REMOVEDIR);
            }
        })?;
        Ok(within)
    }
}

/// Gives the new directory `name` to its user. `path` is for the error.
fn give(
    directory: &rustix::fd::OwnedFd,
    name: &Path,
    path: &Path,
    uid: Uid,
    gid: Gid,
) -> Result<(), CreateError> {
    let (user, group) = (rustix::fs::Uid::from_raw(uid.get()), rustix::fs::Gid::from_raw(gid.get()));
    chownat(directory, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|source| CreateError::Give { path: path.to_owned(), source })
}

/// The device number of the file system that has just been mounted on `path`.
fn mounted(path: &Path) -> Result<Device, CreateError> {
    Device::at(path).map_err(|source| {
        // Without its device number it could not be identified later.
        let _ = mounts::detach(path);
        CreateError::Inspect { path: path.to_owned(), source }
    })
}
