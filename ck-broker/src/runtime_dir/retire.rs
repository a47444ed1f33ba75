//! Taking a runtime directory out of its place, in a few system calls whatever it holds.

use super::{Device, RuntimeRoot};
use ck_protocol::Uid;
use rustix::{
    fs::{CWD, Mode, OFlags, RenameFlags, fstatfs, open, renameat_with, rmdir},
    io::Errno,
    mount::{OpenTreeFlags, UnmountFlags, open_tree, unmount},
};
use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// How many file systems one upon another are taken off before the place is given up.
const LAYERS: usize = 64;
/// How many inodes an empty tmpfs has: its root.
const ROOT_INODE: u64 = 1;

/// What is left of a runtime directory that is out of its place.
#[derive(Debug)]
pub enum Remains {
    /// Our tmpfs, which is mounted nowhere any more. The descriptor keeps it: its last holder
    /// pays for freeing it.
    Detached(OwnedFd),
    /// A directory among the retired.
    Moved(PathBuf),
}

/// What became of a runtime directory.
#[derive(Debug, Default)]
pub struct Retired {
    /// What there is to tear down.
    pub remains: Vec<Remains>,
    /// Our tmpfs was there, held nothing, and is gone.
    pub freed: bool,
}

/// Why a runtime directory is still in its place.
#[derive(Debug, thiserror::Error)]
pub enum RetireError {
    /// What is there could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// What is mounted there could not be detached.
    #[error("cannot detach what is mounted on {}: {source}", path.display())]
    Detach {
        /// The mount point.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// More file systems are mounted there than are taken off.
    #[error("more than {LAYERS} file systems are mounted on {}: unmount them", .0.display())]
    TooDeep(PathBuf),
    /// The directory could be neither removed nor moved.
    #[error("cannot move {} to {}: {source}", path.display(), to.display())]
    Move {
        /// The directory.
        path: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// Why.
        source: Errno,
    },
}

impl RuntimeRoot {
    /// Takes the uid's runtime directory out of its place, so that the next login can have a
    /// fresh one at once; `ours` is the tmpfs that was mounted on it, if one was. What became of it is
    /// noted in `retired`, also after an error. Whatever else is mounted there is
    /// detached, and not touched.
    ///
    /// # Errors
    /// [`RetireError`]; then it is still there.
    pub fn retire(
        &mut self,
        uid: Uid,
        ours: Option<Device>,
        retired: &mut Retired,
    ) -> Result<(), RetireError> {
        let path = self.of(uid);
        // Without anything mounted on it, it is the mount point of our tmpfs, or a directory with or
        // without something in it.
        if !detach(&path, ours, retired)? || rmdir(&path).is_ok() {
            return Ok(());
        }
        let to = self.retirement(uid);
        renameat_with(CWD, &path, CWD, &to, RenameFlags::NOREPLACE).map_err(|source| RetireError::Move {
            path,
            to: to.clone(),
            source,
        })?;
        retired.remains.push(Remains::Moved(to));
        Ok(())
    }
}

/// Detaches every file system that is mounted on `path`, uppermost first: others may have been
/// mounted over our tmpfs, or in its stead. What becomes of ours is noted in `retired`. False if there is no
/// such path (any more).
fn detach(path: &Path, ours: Option<Device>, retired: &mut Retired) -> Result<bool, RetireError> {
    for _ in 0..LAYERS {
        // O_PATH asks nothing of the file system, so a FUSE server cannot make it wait.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let layer = match open(path, flags, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(false),
            layer => layer.map_err(|source| RetireError::Open { path: path.to_owned(), source })?,
        };
        let is_ours = ours.is_some() && Device::of(&layer).ok() == ours;
        let copy = if is_ours && !is_empty(&layer) { on_a_mount_of_its_own(&layer) } else { None };
        match unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => {
                if is_ours {
                    match copy.or_else(|| (!is_empty(&layer)).then_some(layer)) {
                        Some(rest) => retired.remains.push(Remains::Detached(rest)),
                        None => retired.freed = true,
                    }
                }
                // A mount point cannot be removed (EBUSY), so this says at once whether another is below.
                if rmdir(path).is_ok() {
                    return Ok(false);
                }
            }
            // EINVAL: not a mount point. EPERM: we may not mount, so we did not.
            Err(Errno::INVAL | Errno::PERM) => return Ok(true),
            Err(source) => return Err(RetireError::Detach { path: path.to_owned(), source }),
        }
    }
    Err(RetireError::TooDeep(path.to_owned()))
}

/// Whether nothing is in our tmpfs, so that there is nothing to tear down, and freeing it takes no time to speak of.
///
/// Asked last when nobody can get in any more. Whoever still is in there may fill it as long as they hold it, and then
/// it is they who free it: they would have to fill it and be gone between this look and the closing of the descriptor
/// to have us do that.
fn is_empty(layer: &OwnedFd) -> bool {
    fstatfs(layer).is_ok_and(|found| found.f_files.checked_sub(found.f_ffree) == Some(ROOT_INODE))
}

/// The file system of `layer` on a new mount that is seen nowhere, and lasts as long as its descriptor.
///
/// On a mount that was detached every call takes the lock of the kernel's mount table, and whoever looks up a path
/// meanwhile has to begin anew; on this one it does not (mntput_no_expire() in Linux). Where there is none to be had
/// (before Linux 5.2), `layer` does as well.
fn on_a_mount_of_its_own(layer: &OwnedFd) -> Option<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(layer, c"", flags).ok()
}
