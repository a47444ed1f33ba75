//! Taking a runtime directory out of its place, in a few system calls whatever it holds.
//!
//! Whoever detaches a file system last frees it, and whoever removes a mount point frees what is mounted upon it in other
//! mount namespaces. So each file system is mounted among the retired before it is taken off here, and the mount point is moved
//! there: a worker does what costs. Nothing is held by a descriptor, so nothing waits for the end of the broker either.

use super::{Device, Remains, RuntimeRoot, hands::Task, remains::CONTENTS, retire_error::RetireError};
use crate::{directories::Made, places::mounts};
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

/// How many file systems one upon another are taken off before others have their turn.
const LAYERS_AT_ONCE: usize = 16;
/// How many inodes an empty tmpfs has: its root.
const ROOT_INODE: u64 = 1;

/// What became of a runtime directory.
#[derive(Debug, Default)]
pub struct Retired {
    /// What there is to tear down, and how many bytes it holds, where that is known.
    pub remains: Vec<(Remains, Option<u64>)>,
    /// Our tmpfs was there, held nothing, and is gone.
    pub freed: bool,
    /// There are mount points to be swept away.
    pub to_sweep: bool,
    /// Not all is done yet, but some was: go on.
    pub is_unfinished: bool,
}

impl RuntimeRoot {
    /// The same where nothing can be mounted.
    fn retire_by_hand(&mut self, uid: Uid, number: u64, retired: &mut Retired) -> Result<(), RetireError> {
        let path = self.of(uid);
        let moved = self.hands.as_mut().map(|hands| hands.run(Task::Retire(uid, number)));
        moved.transpose().map_err(|source| RetireError::Task { path, source })?;
        // What of the two it has made, an entry or a mount point, was told by its owner; one that is not there is no matter.
        retired
            .remains
            .push((Remains { uid, name: PathBuf::from(format!("{uid}-{number}")), is_mounted: false }, None));
        retired.to_sweep = true;
        Ok(())
    }
}

/// A runtime directory on its way out.
struct Retirement<'r> {
    root: &'r mut RuntimeRoot,
    uid: Uid,
    path: PathBuf,
    made: Option<&'r Made>,
    retired: &'r mut Retired,
    /// Where file systems go that are none of ours.
    foreign: Option<PathBuf>,
}

impl RuntimeRoot {
    /// Takes the uid's runtime directory out of its place, so that the next login can have a fresh one at once; `made` is what it
    /// is, as far as that is known. What became of it is noted in `retired`, also after an error.
    ///
    /// # Errors
    /// [`RetireError`]; then it is still there.
    pub fn retire(
        &mut self,
        uid: Uid,
        made: Option<&Made>,
        retired: &mut Retired,
    ) -> Result<(), RetireError> {
        let path = self.of(uid);
        if let Some(number) = self.hands.is_some().then(|| self.new_number()) {
            return self.retire_by_hand(uid, number, retired);
        }
        Retirement { root: self, uid, path, made, retired, foreign: None }.run()
    }
}

impl Retirement<'_> {
    fn run(mut self) -> Result<(), RetireError> {
        for _ in 0..LAYERS_AT_ONCE {
            let Some(layer) = self.open()? else {
                self.note_plain();
                return Ok(());
            };
            // A FUSE file system of the user's may refuse even that to root (EACCES); no directory of ours does.
            let status = status(&layer).ok();
            if let Some(status) = status.filter(|status| !is_mounted(status)) {
                return self.move_out(&status);
            }
            self.take_off(layer, status.as_ref())?;
            if self.put_aside()? {
                self.note_plain();
                return Ok(());
            }
        }
        self.retired.is_unfinished = true;
        Ok(())
    }

    /// What is uppermost there. O_PATH asks nothing of the file system, so a FUSE server cannot make it wait.
    fn open(&self) -> Result<Option<OwnedFd>, RetireError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match open(&self.path, flags, Mode::empty()) {
            Ok(layer) => Ok(Some(layer)),
            Err(Errno::NOENT) => Ok(None),
            Err(source) => Err(self.cannot_open(source)),
        }
    }

    /// Takes the uppermost file system off, which is `layer`.
    fn take_off(&mut self, layer: OwnedFd, status: Option<&Statx>) -> Result<(), RetireError> {
        match self.whose(status) {
            Whose::Tmpfs => match usage(&layer) {
                // It goes at once. Whoever still is in there may fill it as long as they hold it, and then it is they who free it.
                Some(Usage::Empty) => self.retired.freed = true,
                usage => {
                    let name = self.root.new_entry(self.uid);
                    self.make(&name)?;
                    self.keep(&layer, &name)?;
                    let bytes = usage.and_then(Usage::bytes);
                    self.retired.remains.push((Remains { uid: self.uid, name, is_mounted: true }, bytes));
                }
            },
            // Nothing is freed with it but what is mounted in it. (It is not mounted where it lies: that would take the lock of a
            // directory of the user's.)
            Whose::Plain => {
                // It keeps the mount in use.
                drop(layer);
                if mounts::unmount_idle(&self.path).is_ok() {
                    return Ok(());
                }
                if let Some(layer) = self.open()? {
                    self.keep_foreign(&layer)?;
                }
            }
            Whose::Others => self.keep_foreign(&layer)?,
        }
        mounts::detach(&self.path).map_err(|source| RetireError::Detach { path: self.path.clone(), source })
    }

    /// What the layer with this status is.
    fn whose(&self, status: Option<&Statx>) -> Whose {
        let of = |status: &Statx| Device { major: status.stx_dev_major, minor: status.stx_dev_minor };
        match (self.made, status) {
            (Some(Made::Tmpfs(device)), Some(status)) if of(status) == *device => Whose::Tmpfs,
            (Some(Made::Plain(within)), Some(status)) => {
                let path = self.root.retired_path().join(within);
                let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
                let there = statx(CWD, path, flags, StatxFlags::INO);
                let same = |there: Statx| of(&there) == of(status) && there.stx_ino == status.stx_ino;
                if there.is_ok_and(same) { Whose::Plain } else { Whose::Others }
            }
            _ => Whose::Others,
        }
    }

    /// Has the file system, with all that is mounted in it, be mounted on `name` among the retired.
    fn keep(&self, layer: &OwnedFd, name: &Path) -> Result<(), RetireError> {
        let to = self.root.retired_path().join(name);
        let failed = |source| RetireError::Keep { path: self.path.clone(), to: to.clone(), source };
        let copy = mounts::copy(layer, Path::new(""), true).map_err(failed)?;
        mounts::attach(&copy, &self.root.retired, name).map_err(failed)?;
        // Or what is mounted in it would be detached with the one that it was copied from.
        mounts::make_private(&to).map_err(failed)
    }

    fn keep_foreign(&mut self, layer: &OwnedFd) -> Result<(), RetireError> {
        let name = self.foreign()?;
        self.keep(layer, &name)
    }

    /// The mount point among the retired for what is not ours, one for all.
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

    /// Moves the mount point away, unless something else is mounted on it (EBUSY).
    fn put_aside(&mut self) -> Result<bool, RetireError> {
        match self.root.put_aside(self.uid) {
            Ok(()) => {
                self.retired.to_sweep = true;
                Ok(true)
            }
            Err(Errno::BUSY) => Ok(false),
            Err(source) => Err(self.cannot_move(self.root.retired_path(), source)),
        }
    }

    /// Moves away what nothing is mounted on: a mount point, or a plain directory of the user's.
    fn move_out(&mut self, status: &Statx) -> Result<(), RetireError> {
        if status.stx_uid == 0 {
            self.put_aside()?;
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
        self.retired.remains.push((Remains { uid: self.uid, name: wrapper, is_mounted: false }, None));
        Ok(())
    }

    /// The plain directory that was mounted there is where it always was, and can be torn down now.
    fn note_plain(&mut self) {
        if let Some(Made::Plain(path)) = self.made {
            // Of an earlier release it stands alone; else its entry is for it alone.
            let name = if path.ends_with(CONTENTS) { path.parent().unwrap_or(path) } else { path };
            let remains = Remains { uid: self.uid, name: name.to_owned(), is_mounted: false };
            self.retired.remains.push((remains, None));
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

/// Whether it is the root of a mount: Linux 5.8.
fn is_mounted(status: &Statx) -> bool {
    status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT)
}

/// What is mounted in the place of a runtime directory.
enum Whose {
    /// Our tmpfs.
    Tmpfs,
    /// Our plain directory.
    Plain,
    /// None of ours.
    Others,
}

/// How much of our tmpfs is used.
#[derive(Clone, Copy)]
enum Usage {
    /// Nothing: there is nothing to tear down, and freeing it takes no time to speak of.
    Empty,
    /// So many bytes.
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

/// Asked of our own tmpfs only: another file system may not answer.
fn usage(layer: &OwnedFd) -> Option<Usage> {
    let found = fstatfs(layer).ok()?;
    if found.f_files.checked_sub(found.f_ffree) == Some(ROOT_INODE) {
        return Some(Usage::Empty);
    }
    let block = u64::try_from(found.f_bsize).ok()?;
    Some(Usage::Bytes(found.f_blocks.saturating_sub(found.f_bfree).saturating_mul(block)))
}
