//! The directory that holds all runtime directories.

use super::{
    Backing, Device, MountOptions, Remains,
    hands::{Hands, Task},
    remains::{self, EMPTY},
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

/// The longest path of a root, in bytes: with a slash and a uid it fits a [`PathText`].
const LONGEST: usize = limits::PATH - 11;

/// Why no runtime directory can be made in the root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It could not be made, or others can write it.
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
    /// Its path cannot be told to a PAM module.
    #[error("{} must be valid UTF-8 of at most {} bytes", .0.display(), LONGEST)]
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
    /// The root without anything that is mounted in it: so a mount point can be moved among the retired, where something is
    /// mounted in between.
    pub(super) bare: OwnedFd,
    /// The directory of the retired, with what is mounted in it.
    pub(super) retired: OwnedFd,
    /// The directory of the retired is a private mount: what is mounted in its place in the root can be kept there.
    pub(super) is_sealed: bool,
    pub(super) mount_options: MountOptions,
    /// Who works in the root where nothing can be mounted.
    pub(super) hands: Option<Hands>,
    /// The number of the next name among the retired.
    next: u64,
    has_before: bool,
}

/// What an earlier broker has left to do.
#[derive(Debug, Default)]
pub struct Unfinished {
    /// What users have left, or still use.
    pub entries: Vec<Remains>,
    /// There are mount points to be swept away.
    pub to_sweep: bool,
}

impl RuntimeRoot {
    /// Takes the directory `path` as the root, which [`crate::places`] has made. Returns also what an
    /// earlier broker has not seen finished.
    ///
    /// # Errors
    /// [`RootError`]
    pub fn open(path: &Path, mount_options: MountOptions) -> Result<(Self, Unfinished), RootError> {
        if mount_options.backing == Backing::None {
            // Somebody else makes directories there, so nothing was made ready for us.
            directory::make(path, 0o755).map_err(RootError::Unusable)?;
        }
        let path =
            path.canonicalize().map_err(|source| RootError::Resolve { path: path.to_owned(), source })?;
        if path.to_str().is_none_or(|text| text.len() > LONGEST) {
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
        let hands = (!is_sealed).then(|| Hands::new(path.clone()));
        let left = remains::list(&retired_path)?;
        let unfinished = Unfinished { entries: left.entries, to_sweep: left.has_empty };
        let has_before = is_sealed && retired_path.join(BEFORE).exists();
        Ok((
            Self { path, bare, retired, is_sealed, mount_options, hands, next: left.next, has_before },
            unfinished,
        ))
    }

    /// Makes directories with these options from now on. Existing ones stay as they are.
    pub fn set_mount_options(&mut self, mount_options: MountOptions) {
        self.mount_options = mount_options;
    }

    /// The root itself.
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

    /// The same, as a PAM module is told it.
    #[must_use]
    pub fn text_of(&self, uid: Uid) -> PathText {
        Text::clipped(&self.of(uid).to_string_lossy())
    }

    /// Whether no directories are made at all.
    #[must_use]
    pub fn makes_none(&self) -> bool {
        self.mount_options.backing == Backing::None
    }

    /// Whether runtime directories can be mounted, and what is mounted among the retired is seen there only.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.is_sealed
    }

    /// How many processes that work in the root are held up there.
    #[must_use]
    pub fn hung(&self) -> usize {
        self.hands.as_ref().map_or(0, Hands::hung)
    }

    /// Tells `watch` of those that nobody watches yet: each is readable when it has ended.
    pub fn watch_held(&mut self, watch: impl FnMut(BorrowedFd<'_>)) {
        if let Some(hands) = &mut self.hands {
            hands.watch(watch);
        }
    }

    /// What those were to do that have ended. It may have been done in the end.
    pub fn take_let_go(&mut self) -> Vec<Task> {
        self.hands.as_mut().map(Hands::take_ended).unwrap_or_default()
    }

    /// Whether what lies among the retired is mounted in the place of its user's runtime directory too.
    #[must_use]
    pub fn is_in_place(&self, remains: &Remains) -> bool {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        let found = |path: PathBuf| statx(CWD, path, flags, StatxFlags::INO);
        let places = (found(self.of(remains.uid)), found(remains.path(&self.retired_path())));
        let (Ok(place), Ok(retired)) = places else { return false };
        (Device::from_statx(place), place.stx_ino) == (Device::from_statx(retired), retired.stx_ino)
    }

    /// How large a tmpfs may grow, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.mount_options.size
    }

    /// A name among the retired for what the uid leaves, never given before.
    pub(super) fn new_entry(&mut self, uid: Uid) -> PathBuf {
        PathBuf::from(format!("{uid}-{}", self.new_number()))
    }

    /// A name among the retired for a mount point, never given before.
    pub(super) fn new_empty(&mut self) -> PathBuf {
        PathBuf::from(format!("{EMPTY}{}", self.new_number()))
    }

    pub(super) fn new_number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// Has the root of an earlier release swept away, of which nothing is left to be torn down.
    ///
    /// # Errors
    /// What stands in the way; then it stays as it is.
    pub fn forget_before(&mut self) -> Result<(), Errno> {
        let before = self.retired_path().join(BEFORE);
        let aside = self.new_empty();
        mkdirat(&self.retired, &aside, Mode::RWXU)?;
        let copy = mounts::copy(&self.retired, Path::new(BEFORE), false)?;
        mounts::attach(&copy, &self.retired, &aside)?;
        mounts::detach(&before)?;
        unlinkat(&self.retired, BEFORE, AtFlags::REMOVEDIR)?;
        self.has_before = false;
        Ok(())
    }

    /// Whether the root of an earlier release is still among the retired.
    #[must_use]
    pub fn has_before(&self) -> bool {
        self.has_before
    }

    /// Moves the mount point of the uid's directory among the retired, to be swept away from there. It is not removed here, as
    /// whoever removes a mount point frees what others have mounted upon it in mount namespaces of theirs; moving does not.
    ///
    /// # Errors
    /// Those of rename(2): `EBUSY` where something is mounted on it.
    pub(super) fn put_aside(&mut self, uid: Uid) -> Result<(), Errno> {
        let to = self.new_empty();
        self.move_to(uid, &to)
    }

    /// Moves what has the uid's name in the root to `to` among the retired.
    pub(super) fn move_to(&self, uid: Uid, to: &Path) -> Result<(), Errno> {
        let to = Path::new(RETIRED).join(to);
        renameat_with(&self.bare, uid.to_string(), &self.bare, to, RenameFlags::NOREPLACE)
    }
}

fn handle(path: &Path) -> Result<OwnedFd, RootError> {
    open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map_err(|source| RootError::Open { path: path.to_owned(), source })
}
