//! What an open descriptor is, asked without ever waiting for the file system behind it.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, FileType, Gid, Mode, RawMode, StatxFlags, Uid, statx};
use rustix::io;

use crate::seize::SEIZED;

/// Which inode a descriptor stands for. Equal identities are the same inode on the same file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: (u32, u32),
    inode: u64,
}

/// Owner, type and mode of an open inode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Status {
    pub(crate) identity: Identity,
    pub(crate) uid: Uid,
    pub(crate) gid: Gid,
    mode: RawMode,
}

impl Status {
    /// Asks about `fd`, which may be O_PATH.
    ///
    /// AT_STATX_DONT_SYNC answers from what the kernel already knows: a FUSE server that hangs, or a
    /// file server that is away, is not asked (statx(2); honoured by FUSE since 4.20).
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

    /// Whether only root can make, replace and remove names in this directory.
    pub(crate) fn only_root_writes(&self) -> bool {
        self.uid.is_root() && !self.mode_bits().intersects(Mode::WGRP | Mode::WOTH)
    }

    /// Whether this is root's, and only root can enter it and read its names.
    pub(crate) fn is_roots_alone(&self) -> bool {
        self.is_directory() && self.uid.is_root() && self.permissions() == Mode::RWXU
    }

    /// Whether others may make names here, but cannot replace root's (as in `/tmp`).
    pub(crate) fn is_roots_sticky(&self) -> bool {
        self.uid.is_root() && self.mode_bits().contains(Mode::SVTX)
    }

    /// Whether the owner may read, change and search this directory.
    pub(crate) fn owner_may_all(&self) -> bool {
        self.mode_bits().contains(Mode::RWXU)
    }

    /// Whether a run that was killed had taken this directory from its owner ([`crate::seize`]).
    pub(crate) fn is_seized(&self) -> bool {
        self.uid.is_root() && self.permissions() == SEIZED
    }

    /// Its permission bits, as chmod(2) takes them.
    pub(crate) fn permissions(&self) -> Mode {
        self.mode_bits() & Mode::from_raw_mode(0o7777)
    }

    fn mode_bits(&self) -> Mode {
        Mode::from_raw_mode(self.mode)
    }
}
