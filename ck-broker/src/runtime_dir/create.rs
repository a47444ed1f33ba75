//! Making a runtime directory.

use super::{Backing, Device, Recipe, RuntimeRoot};
use ck_protocol::{Gid, Uid};
use rustix::{
    fs::{AtFlags, CWD, Mode, StatxFlags, chownat, mkdir, rmdir, statx},
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
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
}

impl RuntimeRoot {
    /// Looks at the place of the uid's runtime directory.
    ///
    /// # Errors
    /// [`CreateError::Inspect`]
    pub fn existing(&self, uid: Uid) -> Result<Existing, CreateError> {
        let path = self.of(uid);
        // DONT_SYNC: attributes that a file system over it caches will do, as asking for fresh
        // ones would wait for ever for a FUSE server that never answers.
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID;
        match statx(CWD, &path, flags, wanted) {
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

    /// Makes the uid's runtime directory where there is nothing: 0700, owned by the user. Returns
    /// the tmpfs that was mounted on it; `None` for a plain directory.
    ///
    /// # Errors
    /// [`CreateError`]; then there is still nothing.
    pub fn create(&self, uid: Uid, gid: Gid) -> Result<Option<Device>, CreateError> {
        let path = self.of(uid);
        mkdir(&path, Mode::RWXU).map_err(|source| CreateError::Make { path: path.clone(), source })?;
        self.fill(&path, uid, gid).inspect_err(|_| {
            // Nothing half-made: the error itself is what the caller hears about.
            let _ = rmdir(&path);
        })
    }

    /// Turns root's empty directory into the user's.
    fn fill(&self, path: &Path, uid: Uid, gid: Gid) -> Result<Option<Device>, CreateError> {
        let Recipe { backing, noexec, .. } = self.recipe;
        if backing != Backing::Directory {
            match self.mount(path, uid, gid) {
                Ok(()) => return mounted(path).map(Some),
                Err(source) if backing == Backing::Tmpfs => {
                    return Err(CreateError::Mount { path: path.to_owned(), source });
                }
                Err(errno) => {
                    let without = if noexec { ", and without noexec" } else { "" };
                    log::info!("{}: no tmpfs ({errno}), a plain directory instead{without}", path.display());
                }
            }
        }
        // The root is root's alone: nobody can have exchanged the name since mkdir.
        let (user, group) = (rustix::fs::Uid::from_raw(uid.get()), rustix::fs::Gid::from_raw(gid.get()));
        chownat(CWD, path, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|source| CreateError::Give { path: path.to_owned(), source })?;
        Ok(None)
    }

    fn mount(&self, path: &Path, uid: Uid, gid: Gid) -> Result<(), Errno> {
        let Recipe { size, inodes, noexec, .. } = self.recipe;
        let (uid, gid) = (uid.get(), gid.get());
        let options = format!("mode=0700,uid={uid},gid={gid},size={size},nr_inodes={inodes}");
        let options = CString::new(options).map_err(|_| Errno::INVAL)?;
        let mut flags = MountFlags::NOSUID | MountFlags::NODEV;
        flags.set(MountFlags::NOEXEC, noexec);
        mount("tmpfs", path, "tmpfs", flags, options.as_c_str())
    }
}

/// The file system that has just been mounted on `path`.
fn mounted(path: &Path) -> Result<Device, CreateError> {
    Device::at(path).map_err(|source| {
        // Of no use, if it could not be told from others later.
        let _ = unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        CreateError::Inspect { path: path.to_owned(), source }
    })
}
