//! Making a runtime directory.

use super::{
    Backing, Device, MountOptions, RuntimeRoot,
    hands::{Task, TaskError},
    remains::CONTENTS,
};
use crate::{
    directories::Made,
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

/// What is at a runtime directory's place before it is made.
#[derive(Debug, PartialEq, Eq)]
pub enum Existing {
    /// Nothing.
    Nothing,
    /// A directory as it should be, made by somebody else.
    Usable,
    /// Something that must not be used.
    Unusable,
}

/// A runtime directory that has just been made.
#[derive(Debug)]
pub struct Created {
    /// What it is made of; `None` for a plain directory where nothing can be mounted.
    pub made: Option<Made>,
    /// Why it is no tmpfs, though that was wanted and mounting is allowed.
    pub fell_back: Option<CreateError>,
}

/// Why there is no runtime directory.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Its place could not be looked at.
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
    /// A process was to make it, where nothing can be mounted.
    #[error("cannot make {}: {source}", path.display())]
    Task {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: TaskError,
    },
    /// The plain directory could not be mounted in its place.
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
    /// Whether the directory may still come to be made.
    #[must_use]
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Task { source: TaskError::Held(_), .. })
    }
}

impl RuntimeRoot {
    /// Looks at the place of the uid's runtime directory.
    ///
    /// # Errors
    /// [`CreateError::Inspect`]
    pub fn existing(&self, uid: Uid) -> Result<Existing, CreateError> {
        let path = self.of(uid);
        // Where nothing can be mounted, whoever looks up a name that is missing can be held up.
        let place =
            if self.is_sealed { None } else { Some(find(&path, Last::Keep).map(|place| place.handle)) };
        let place = match place {
            Some(Err(Errno::NOENT)) => return Ok(Existing::Nothing),
            Some(Ok(handle)) => handle,
            _ => None,
        };
        // DONT_SYNC: attributes that a file system over it caches will do, as asking for fresh
        // ones would wait for ever for a FUSE server that never answers.
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID;
        let found = match &place {
            Some(place) => statx(place, c"", flags | AtFlags::EMPTY_PATH, wanted),
            None => statx(CWD, &path, flags, wanted),
        };
        match found {
            Err(Errno::NOENT) => Ok(Existing::Nothing),
            Err(source) => Err(CreateError::Inspect { path, source }),
            // The type bits of a directory, and exactly the permissions of one's own.
            Ok(found) if found.stx_mode == 0o40700 && found.stx_uid == uid.get() => Ok(Existing::Usable),
            Ok(_) => Ok(Existing::Unusable),
        }
    }

    /// Whether there is a directory of the uid's in its place, whatever the user has made of its mode.
    #[must_use]
    pub fn has(&self, uid: Uid) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let found = statx(CWD, self.of(uid), flags, StatxFlags::TYPE | StatxFlags::UID);
        found.is_ok_and(|found| found.stx_mode & 0o170_000 == 0o040_000 && found.stx_uid == uid.get())
    }

    /// Makes the uid's runtime directory where there is nothing: 0700, owned by the user.
    ///
    /// # Errors
    /// [`CreateError`]; then there is still nothing in its place.
    pub fn create(&mut self, uid: Uid, gid: Gid) -> Result<Created, CreateError> {
        let path = self.of(uid);
        if let Some(hands) = &mut self.hands {
            if self.mount_options.backing == Backing::Tmpfs {
                return Err(CreateError::Mount { path, source: Errno::PERM });
            }
            let made = hands.run(Task::Make(uid, gid));
            made.map_err(|source| CreateError::Task { path, source })?;
            return Ok(Created { made: None, fell_back: None });
        }
        let name = uid.to_string();
        mkdirat(&self.bare, &name, Mode::RWXU)
            .map_err(|source| CreateError::Make { path: path.clone(), source })?;
        self.fill(&path, uid, gid).inspect_err(|_| {
            // Nothing half-made: the error itself is what the caller hears about. Moved and not removed, as
            // somebody may have mounted upon it in a mount namespace of theirs.
            let _ = self.put_aside(uid);
        })
    }

    /// Turns root's empty directory into the user's.
    fn fill(&mut self, path: &Path, uid: Uid, gid: Gid) -> Result<Created, CreateError> {
        let MountOptions { backing, noexec, .. } = self.mount_options;
        let mut fell_back = None;
        if backing != Backing::Directory {
            match self.mount(path, uid, gid) {
                Ok(()) => {
                    let device = mounted(path)?;
                    return Ok(Created { made: Some(Made::Tmpfs(device)), fell_back });
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
        Ok(Created { made: Some(Made::Plain(self.bind(path, uid, gid)?)), fell_back })
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

    /// Makes a plain directory among the retired, where it stays when its user has left, and mounts it in its place. Its parent
    /// has nothing else in it: whoever holds the lock of a directory keeps who removes it in the lock of its parent.
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
            // As above; and here no user could ever look a name up.
            for name in [&within, &wrapper] {
                let _ = unlinkat(&self.retired, name, AtFlags::REMOVEDIR);
            }
        })?;
        Ok(within)
    }
}

/// Gives the new directory `name` to its user; `path` is what it is called.
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

/// The file system that has just been mounted on `path`.
fn mounted(path: &Path) -> Result<Device, CreateError> {
    Device::at(path).map_err(|source| {
        // Of no use, if it could not be told from others later.
        let _ = mounts::detach(path);
        CreateError::Inspect { path: path.to_owned(), source }
    })
}
