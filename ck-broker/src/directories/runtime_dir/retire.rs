//! Retires a runtime directory, in a few system calls that do not depend on its contents.
//!
//! The process that detaches the last mount of a file system frees it. The process that removes a mount point frees
//! everything that is mounted on it in other mount namespaces. Both can take long. Therefore each file system is also
//! mounted in `.ck-retired` before it is detached here, and the mount point is moved there. A worker does the rest. No
//! descriptor is kept open, so that the end of the broker frees nothing either.

use super::{Device, Residue, RuntimeRoot, residue::CONTENTS, retire_error::RetireError, tasks::Task};
use crate::{directories::DirectoryKind, places::mounts};
use ck_protocol::Uid;
use rustix::{
    fs::{
        AtFlags, CWD, Mode, OFlags, Statx, StatxAttributes, StatxFlags, fstatfs, mkdirat, open, statx,
        unlinkat,
    },
    io::Errno,
};
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// The maximum number of stacked mounts that are detached in one round of the loop.
const MAX_LAYERS_PER_ROUND: usize = 16;
/// The number of inodes of an empty tmpfs: its root.
const ROOT_INODE: u64 = 1;

/// The outcome of retiring a runtime directory.
#[derive(Debug, Default)]
pub struct RetireOutcome {
    /// The directories that are to be torn down, with their sizes in bytes where these are known.
    pub residue: Vec<(Residue, Option<u64>)>,
    /// True if our tmpfs was empty and was freed.
    pub freed: bool,
    /// True if there are unused mount points.
    pub to_sweep: bool,
    /// True if retiring has to be continued.
    pub is_unfinished: bool,
}

impl RuntimeRoot {
    /// Retires the directory where mounting is not permitted.
    fn retire_by_task(
        &mut self,
        uid: Uid,
        number: u64,
        retired: &mut RetireOutcome,
    ) -> Result<(), RetireError> {
        let path = self.of(uid);
        let moved = self.task_runner.as_mut().map(|task_runner| task_runner.run(Task::Retire(uid, number)));
        moved.transpose().map_err(|source| RetireError::Task { path, source })?;
        // The process has made an entry or an unused mount point, depending on the owner of the directory. It is no
        // error if the other one does not exist.
        retired
            .residue
            .push((Residue { uid, name: PathBuf::from(format!("{uid}-{number}")), is_mounted: false }, None));
        retired.to_sweep = true;
        Ok(())
    }
}

/// A runtime directory while it is being retired.
struct Retirement<'r> {
    root: &'r mut RuntimeRoot,
    uid: Uid,
    path: PathBuf,
    made: Option<&'r DirectoryKind>,
    retired: &'r mut RetireOutcome,
    /// The mount point for file systems that the broker did not mount.
    foreign: Option<PathBuf>,
}

impl RuntimeRoot {
    /// Retires the runtime directory of the user, so that the next login gets a new one at once. `made` says what it is
    /// made of, where that is known. The outcome is written to `retired`, also after an error.
    ///
    /// # Errors
    /// [`RetireError`]; then the name is still in use.
    pub fn retire(
        &mut self,
        uid: Uid,
        made: Option<&DirectoryKind>,
        retired: &mut RetireOutcome,
    ) -> Result<(), RetireError> {
        let path = self.of(uid);
        if let Some(number) = self.task_runner.is_some().then(|| self.new_number()) {
            return self.retire_by_task(uid, number, retired);
        }
        Retirement { root: self, uid, path, made, retired, foreign: None }.run()
    }
}

impl Retirement<'_> {
    fn run(mut self) -> Result<(), RetireError> {
        for _ in 0..MAX_LAYERS_PER_ROUND {
            let Some(layer) = self.open()? else {
                self.note_plain();
                return Ok(());
            };
            // A FUSE file system of the user may refuse this to root (EACCES). Our directories do not.
            let status = status(&layer).ok();
            if let Some(status) = status.filter(|status| !is_mounted(status)) {
                return self.move_out(&status);
            }
            self.detach_layer(layer, status.as_ref())?;
            if self.move_mount_point()? {
                self.note_plain();
                return Ok(());
            }
        }
        self.retired.is_unfinished = true;
        Ok(())
    }

    /// Opens the uppermost mount. O_PATH sends no request to the file system, so a FUSE server cannot block it.
    fn open(&self) -> Result<Option<OwnedFd>, RetireError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match open(&self.path, flags, Mode::empty()) {
            Ok(layer) => Ok(Some(layer)),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(self.cannot_open(source)),
        }
    }

    /// Detaches the uppermost file system, which is `layer`.
    fn detach_layer(&mut self, layer: OwnedFd, status: Option<&Statx>) -> Result<(), RetireError> {
        match self.kind_of(status) {
            MountKind::Tmpfs => match usage(&layer) {
                // It is freed at once. A process that still uses it may fill it, and then frees it itself.
                Some(Usage::Empty) => self.retired.freed = true,
                usage => {
                    let name = self.root.new_entry(self.uid);
                    self.make(&name)?;
                    self.keep(&layer, &name)?;
                    let bytes = usage.and_then(Usage::bytes);
                    self.retired.residue.push((Residue { uid: self.uid, name, is_mounted: true }, bytes));
                }
            },
            // Detaching it frees nothing but the mounts in it. (It cannot be mounted on the plain directory itself,
            // because that would take the lock of a directory of the user.)
            MountKind::Plain => {
                // The descriptor would keep the mount in use.
                drop(layer);
                if mounts::unmount_idle(&self.path).is_ok() {
                    return Ok(());
                }
                if let Some(layer) = self.open()? {
                    self.keep_foreign(&layer)?;
                }
            }
            MountKind::Foreign => self.keep_foreign(&layer)?,
        }
        mounts::detach(&self.path).map_err(|source| RetireError::Detach { path: self.path.clone(), source })
    }

    /// Identifies the layer by its status.
    fn kind_of(&self, status: Option<&Statx>) -> MountKind {
        let of = |status: &Statx| Device { major: status.stx_dev_major, minor: status.stx_dev_minor };
        match (self.made, status) {
            (Some(DirectoryKind::Tmpfs(device)), Some(status)) if of(status) == *device => MountKind::Tmpfs,
            (Some(DirectoryKind::Plain(within)), Some(status)) => {
                let path = self.root.retired_path().join(within);
                let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
                let there = statx(CWD, path, flags, StatxFlags::INO);
                let same = |there: Statx| of(&there) == of(status) && there.stx_ino == status.stx_ino;
                if there.is_ok_and(same) { MountKind::Plain } else { MountKind::Foreign }
            }
            _ => MountKind::Foreign,
        }
    }

    /// Mounts the file system, with all mounts in it, on `name` in `.ck-retired`.
    fn keep(&self, layer: &OwnedFd, name: &Path) -> Result<(), RetireError> {
        let to = self.root.retired_path().join(name);
        let failed = |source| RetireError::Keep { path: self.path.clone(), to: to.clone(), source };
        let copy = mounts::copy(layer, Path::new(""), true).map_err(failed)?;
        mounts::attach(&copy, &self.root.retired, name).map_err(failed)?;
        // Otherwise the mounts in it would be detached together with their originals.
        mounts::make_private(&to).map_err(failed)
    }

    fn keep_foreign(&mut self, layer: &OwnedFd) -> Result<(), RetireError> {
        let name = self.foreign()?;
        self.keep(layer, &name)
    }

    /// The mount point in `.ck-retired` for all file systems that the broker did not mount.
    fn foreign(&mut self) -> Result<PathBuf, RetireError> {
        if let Some(name) = &self.foreign {
            return Ok(name.clone());
        }
        let name = self.root.new_empty();
        self.make(&name)?;
        self.retired.to_sweep = true;
        self.foreign = Some(name.clone());
        Ok(name)
    }

    fn make(&self, name: &Path) -> Result<(), RetireError> {
        mkdirat(&self.root.retired, name, Mode::RWXU)
            .map_err(|source| RetireError::Make { path: self.root.retired_path().join(name), source })
    }

    /// Moves the mount point away. Returns false if something else is mounted on it (EBUSY).
    fn move_mount_point(&mut self) -> Result<bool, RetireError> {
        match self.root.move_mount_point(self.uid) {
            Ok(()) => {
                self.retired.to_sweep = true;
                Ok(true)
            }
            Err(Errno::BUSY) => Ok(false),
            Err(source) => Err(self.cannot_move(self.root.retired_path(), source)),
        }
    }

    /// Moves the directory away if nothing is mounted on it: a mount point, or a plain directory of the user.
    fn move_out(&mut self, status: &Statx) -> Result<(), RetireError> {
        if status.stx_uid == 0 {
            self.move_mount_point()?;
            self.note_plain();
            return Ok(());
        }
        let wrapper = self.root.new_entry(self.uid);
        self.make(&wrapper)?;
        let to = wrapper.join(CONTENTS);
        if let Err(source) = self.root.move_to(self.uid, &to) {
            let _ = unlinkat(&self.root.retired, &wrapper, AtFlags::REMOVEDIR);
            return Err(self.cannot_move(self.root.retired_path().join(to), source));
        }
        self.retired.residue.push((Residue { uid: self.uid, name: wrapper, is_mounted: false }, None));
        Ok(())
    }

    /// Adds the plain directory that was mounted there to the directories that are to be torn down. It stays where it
    /// is.
    fn note_plain(&mut self) {
        if let Some(DirectoryKind::Plain(path)) = self.made {
            // An earlier release made it without an entry of its own.
            let name = if path.ends_with(CONTENTS) { path.parent().unwrap_or(path) } else { path };
            let residue = Residue { uid: self.uid, name: name.to_owned(), is_mounted: false };
            self.retired.residue.push((residue, None));
        }
    }

    fn cannot_open(&self, source: Errno) -> RetireError {
        RetireError::Open { path: self.path.clone(), source }
    }

    fn cannot_move(&self, to: PathBuf, source: Errno) -> RetireError {
        RetireError::Move { path: self.path.clone(), to, source }
    }
}

fn status(layer: &OwnedFd) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    statx(layer, c"", flags, StatxFlags::UID | StatxFlags::INO)
}

/// True if it is the root of a mount: Linux 5.8.
fn is_mounted(status: &Statx) -> bool {
    status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
}

/// The kinds of mounts on a runtime directory.
enum MountKind {
    /// Our tmpfs.
    Tmpfs,
    /// Our plain directory.
    Plain,
    /// A mount that the broker did not make.
    Foreign,
}

/// The space that is used in our tmpfs.
#[derive(Clone, Copy)]
enum Usage {
    /// No space: nothing has to be torn down, and freeing the tmpfs takes almost no time.
    Empty,
    /// This number of bytes.
    Bytes(u64),
}

impl Usage {
    fn bytes(self) -> Option<u64> {
        match self {
            Self::Empty => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Only for our own tmpfs, because another file system may never answer.
fn usage(layer: &OwnedFd) -> Option<Usage> {
    let found = fstatfs(layer).ok()?;
    if found.f_files.checked_sub(found.f_ffree) == Some(ROOT_INODE) {
        return Some(Usage::Empty);
    }
    let block = u64::try_from(found.f_bsize).ok()?;
    Some(Usage::Bytes(found.f_blocks.saturating_sub(found.f_bfree).saturating_mul(block)))
}
