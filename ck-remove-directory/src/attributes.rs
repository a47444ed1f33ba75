//! The attributes of an open inode, read without waiting for the file system.

use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, RawMode, StatxFlags, Uid, statx},
    io,
};
use std::os::fd::AsFd;

/// Identifies an inode. Equal identities are the same inode on the same file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: (u32, u32),
    inode: u64,
}

/// Identity, owner, group, type and mode of an open inode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes {
    pub(crate) identity: Identity,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    mode: RawMode,
}

impl Attributes {
    /// Reads the attributes of `fd`, which may be O_PATH.
    ///
    /// AT_STATX_DONT_SYNC returns what the kernel already knows. The kernel then does not ask the server of a FUSE or
    /// network file system, which may hang (statx(2); FUSE honours the flag since Linux 4.20).
    pub(crate) fn of(fd: impl AsFd) -> io::Result<Self> {
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
        let found = statx(fd, c"", flags, StatxFlags::BASIC_STATS)?;
        Ok(Self {
            identity: Identity { device: (found.stx_dev_major, found.stx_dev_minor), inode: found.stx_ino },
            uid: Uid::from_raw(found.stx_uid),
            gid: Gid::from_raw(found.stx_gid),
            mode: found.stx_mode.into(),
        })
    }

    pub(crate) fn is_directory(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }

    pub(crate) fn is_symlink(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Symlink
    }

    /// True if only root can make, replace and remove names in this directory.
    pub(crate) fn only_root_writes(&self) -> bool {
        self.uid.is_root() && !self.mode_bits().intersects(Mode::WGRP | Mode::WOTH)
    }

    /// True for a directory of root's with mode 0700: only root can enter it and read its names.
    pub(crate) fn is_private_to_root(&self) -> bool {
        self.is_directory() && self.uid.is_root() && self.permissions() == Mode::RWXU
    }

    /// True for a sticky directory of root's: others may make names in it, but cannot replace root's (as in `/tmp`).
    pub(crate) fn is_sticky_of_root(&self) -> bool {
        self.uid.is_root() && self.mode_bits().contains(Mode::SVTX)
    }

    /// True if the owner may read, change and search this directory.
    pub(crate) fn owner_has_all_permissions(&self) -> bool {
        self.mode_bits().contains(Mode::RWXU)
    }

    /// The permission bits, as chmod(2) takes them.
    pub(crate) fn permissions(&self) -> Mode {
        self.mode_bits() & Mode::from_raw_mode(0o7777)
    }

    fn mode_bits(&self) -> Mode {
        Mode::from_raw_mode(self.mode)
    }
}
