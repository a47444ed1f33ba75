//! The runtime root: the directory that contains all runtime directories.

use super::{
    Backing, Device, MountOptions, Residue,
    residue::{self, EMPTY},
    tasks::{Task, TaskRunner},
};
use crate::places::{
    directory, mounts,
    user_dirs::{BEFORE, RETIRED},
};
use ck_protocol::{PathText, Text, Uid, limits};
use rustix::{
    fs::{
        AtFlags, CWD, Mode, OFlags, RenameFlags, StatxFlags, mkdirat, open, renameat_with, statx, unlinkat,
    },
    io::Errno,
};
use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

/// The longest path of a root, in bytes. A [`PathText`] has room for it, a slash and a uid.
const MAX_ROOT_LENGTH: usize = limits::PATH - 11;

/// Why the runtime root cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It could not be made, or users other than root can write it.
    #[error(transparent)]
    Unusable(directory::DirectoryError),
    /// Its path could not be resolved.
    #[error("cannot resolve {}: {source}", path.display())]
    Resolve {
        /// The root.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Its path cannot be sent to a PAM module.
    #[error("{} must be valid UTF-8 of at most {} bytes", .0.display(), MAX_ROOT_LENGTH)]
    Name(PathBuf),
    /// It could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The root, or the directory of the retired.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// The retired directories could not be listed.
    #[error("cannot list {}: {source}", path.display())]
    List {
        /// The directory of the retired.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The root, and how directories in it are made.
#[derive(Debug)]
pub struct RuntimeRoot {
    path: PathBuf,
    /// A private copy of the root without the mounts in it. A mount point can be moved to `.ck-retired` through it,
    /// although `.ck-retired` is a mount of its own in the root.
    pub(super) bare: OwnedFd,
    /// The directory of the retired, with the mounts in it.
    pub(super) retired: OwnedFd,
    /// True if `.ck-retired` is a private mount. File systems can then be mounted in it and in the root.
    pub(super) is_sealed: bool,
    pub(super) mount_options: MountOptions,
    /// Does tasks in the root where mounting is not permitted.
    pub(super) task_runner: Option<TaskRunner>,
    /// The number of the next name in `.ck-retired`.
    next: u64,
    has_earlier_root: bool,
}

/// The work that an earlier broker has not finished.
#[derive(Debug, Default)]
pub struct Unfinished {
    /// Directories that are retired or still in use.
    pub entries: Vec<Residue>,
}

impl RuntimeRoot {
    /// Opens the root at `path`, which [`crate::places`] has made. Also returns the work that an earlier broker has not finished.
    ///
    /// # Errors
    /// [`RootError`]
    pub fn open(path: &Path, mount_options: MountOptions) -> Result<(Self, Unfinished), RootError> {
        if mount_options.backing == Backing::None {
            // Another manager makes the directories, so `places` has not prepared this root.
            directory::make(path, 0o755).map_err(RootError::Unusable)?;
        }
        let path =
            path.canonicalize().map_err(|source| RootError::Resolve { path: path.to_owned(), source })?;
        if path.to_str().is_none_or(|text| text.len() > MAX_ROOT_LENGTH) {
            return Err(RootError::Name(path));
        }
        let retired_path = path.join(RETIRED);
        if mount_options.backing == Backing::None {
            directory::make(&retired_path, 0o700).map_err(RootError::Unusable)?;
        }
        let is_sealed = mounts::is_mounted_on(&retired_path)
            .map_err(|source| RootError::Open { path: retired_path.clone(), source })?;
        let retired = handle(&retired_path)?;
        let bare = if is_sealed {
            mounts::copy(CWD, &path, false)
                .map_err(|source| RootError::Open { path: path.clone(), source })?
        } else {
            handle(&path)?
        };
        let task_runner = (!is_sealed).then(|| TaskRunner::new(path.clone()));
        let left = residue::list(&retired_path)?;
        let unfinished = Unfinished { entries: left.entries };
        let has_earlier_root = is_sealed && retired_path.join(BEFORE).exists();
        Ok((
            Self {
                path,
                bare,
                retired,
                is_sealed,
                mount_options,
                task_runner,
                next: left.next,
                has_earlier_root,
            },
            unfinished,
        ))
    }

    /// Sets the options for new directories. Existing ones stay as they are.
    pub fn set_mount_options(&mut self, mount_options: MountOptions) {
        self.mount_options = mount_options;
    }

    /// The path of the root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of the retired.
    #[must_use]
    pub fn retired_path(&self) -> PathBuf {
        self.path.join(RETIRED)
    }

    /// The runtime directory of the uid, whether it exists or not.
    #[must_use]
    pub fn of(&self, uid: Uid) -> PathBuf {
        self.path.join(uid.to_string())
    }

    /// The same, as it is sent to a PAM module.
    #[must_use]
    pub fn text_of(&self, uid: Uid) -> PathText {
        Text::clipped(&self.of(uid).to_string_lossy())
    }

    /// True if no directories are made.
    #[must_use]
    pub fn makes_none(&self) -> bool {
        self.mount_options.backing == Backing::None
    }

    /// True if runtime directories can be mounted, and `.ck-retired` is a private mount.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// The number of processes that are blocked in the root.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.task_runner.as_ref().map_or(0, TaskRunner::blocked)
    }

    /// Calls `watch` with each blocked process that is not watched yet. Its pidfd is readable when it has ended.
    pub fn watch_blocked(&mut self, watch: impl FnMut(BorrowedFd<'_>)) {
        if let Some(task_runner) = &mut self.task_runner {
            task_runner.watch(watch);
        }
    }

    /// Returns the tasks of the blocked processes that have ended. They may have been done.
    pub fn take_unblocked(&mut self) -> Vec<Task> {
        self.task_runner.as_mut().map(TaskRunner::take_ended).unwrap_or_default()
    }

    /// True if the entry in `.ck-retired` is also mounted as the runtime directory of its user.
    #[must_use]
    pub fn is_in_place(&self, residue: &Residue) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let found = |path: PathBuf| statx(CWD, path, flags, StatxFlags::INO);
        let places = (found(self.of(residue.uid)), found(residue.path(&self.retired_path())));
        let (Ok(place), Ok(retired)) = places else { return false };
        (Device::from_statx(place), place.stx_ino) == (Device::from_statx(retired), retired.stx_ino)
    }

    /// The maximum size of a tmpfs, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.mount_options.size
    }

    /// A new name in `.ck-retired` for a retired directory.
    pub(super) fn new_entry(&mut self, uid: Uid) -> PathBuf {
        PathBuf::from(format!("{uid}-{}", self.new_number()))
    }

    /// A new name in `.ck-retired` for an unused mount point.
    pub(super) fn new_empty(&mut self) -> PathBuf {
        PathBuf::from(format!("{EMPTY}{}", self.new_number()))
    }

    pub(super) fn new_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Moves the runtime root of an earlier release to an unused mount point, so that it is swept away. Nothing in it
    /// may be in use.
    ///
    /// # Errors
    /// The error of the system call that failed. The root then stays as it is.
    pub fn release_earlier_root(&mut self) -> Result<(), Errno> {
        let before = self.retired_path().join(BEFORE);
        let aside = self.new_empty();
        mkdirat(&self.retired, &aside, Mode::RWXU)?;
        let copy = mounts::copy(&self.retired, Path::new(BEFORE), false)?;
        mounts::attach(&copy, &self.retired, &aside)?;
        mounts::detach(&before)?;
        unlinkat(&self.retired, BEFORE, AtFlags::REMOVEDIR)?;
        self.has_earlier_root = false;
        Ok(())
    }

    /// True if the runtime root of an earlier release is still in `.ck-retired`.
    #[must_use]
    pub fn has_earlier_root(&self) -> bool {
        self.has_earlier_root
    }

    /// Moves the mount point of the user's directory to `.ck-retired`, where it is swept away. It is not removed here:
    /// removing a mount point frees everything that is mounted on it in other mount namespaces, and moving it does not.
    ///
    /// # Errors
    /// Those of rename(2): `EBUSY` if something is mounted on it.
    pub(super) fn move_mount_point(&mut self, uid: Uid) -> Result<(), Errno> {
        let to = self.new_empty();
        self.move_to(uid, &to)
    }

    /// Moves the directory of the user in the root to `to` in `.ck-retired`.
    pub(super) fn move_to(&self, uid: Uid, to: &Path) -> Result<(), Errno> {
        let to = Path::new(RETIRED).join(to);
        renameat_with(&self.bare, uid.to_string(), &self.bare, to, RenameFlags::NOREPLACE)
    }
}

fn handle(path: &Path) -> Result<OwnedFd, RootError> {
    open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map_err(|source| RootError::Open { path: path.to_owned(), source })
}
