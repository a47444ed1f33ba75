//! Removing one name, as far as it goes without looking inside.
//!
//! Nothing is ever asked about the entry first: what it is may change at any moment, and asking can
//! block (a hung FUSE mount). The calls themselves say what it was; what its directory said of it when it
//! was read only decides which is tried first.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, chmodat, openat2, unlinkat};
use rustix::io::{self, Errno};

use crate::mounts::{self, INSIDE};
use crate::parents::HANDLE;
use crate::status::Status;

/// Opens a directory for reading its names.
const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// On whose rights the walk works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// The user's own. Directories that lack the owner's permissions get them; mounts are left to root.
    User,
    /// The same, in a child that is confined to the directory ([`crate::confine`]).
    Confined,
    /// Root's. Permissions do not matter; mounts are detached.
    Root,
}

impl Rights {
    pub(crate) fn are_users(self) -> bool {
        matches!(self, Self::User | Self::Confined)
    }
}

/// What became of one name.
#[derive(Debug)]
pub(crate) enum Fate {
    /// We removed it.
    Removed,
    /// It was gone already: somebody else removed or renamed it.
    Absent,
    /// A directory that has to be emptied first, open for that.
    Directory(OwnedFd),
    /// Something is mounted on it.
    MountPoint,
    /// The directory that holds it does not let us change it.
    Locked,
    /// It cannot go.
    Stuck(Errno),
}

/// Removes `name` from `parent`, or says what stands in the way.
///
/// `directory` says that it was a directory when the name was read: that saves a call where it still is one.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &CStr, directory: bool, rights: Rights) -> Fate {
    let unlinked = if directory { Err(Errno::ISDIR) } else { unlinkat(parent, name, AtFlags::empty()) };
    let unlink_error = match unlinked {
        Ok(()) => return Fate::Removed,
        Err(Errno::NOENT) => return Fate::Absent,
        Err(Errno::ACCESS) => return Fate::Locked,
        Err(errno @ (Errno::ISDIR | Errno::PERM | Errno::BUSY)) => errno,
        Err(errno) => return Fate::Stuck(errno),
    };
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) => return Fate::Removed,
        Err(Errno::NOENT) => return Fate::Absent,
        Err(Errno::ACCESS) => return Fate::Locked,
        Err(Errno::NOTDIR) if directory => return remove(parent, name, false, rights),
        // A directory with something in it; EPERM is also the answer for one that may not go itself
        // (chattr +i on it, sticky) though what is in it may.
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::PERM | Errno::BUSY | Errno::NOTDIR) => {}
        Err(errno) => return Fate::Stuck(errno),
    }
    match open_inside(parent, name, rights) {
        Ok(directory) => Fate::Directory(directory),
        Err(Errno::NOENT) => Fate::Absent,
        Err(Errno::XDEV) => Fate::MountPoint,
        // Not a directory: why unlinking failed is the answer.
        Err(Errno::NOTDIR | Errno::LOOP) => Fate::Stuck(unlink_error),
        Err(errno) => Fate::Stuck(errno),
    }
}

/// Removes the directory `name`, which was emptied.
pub(crate) fn remove_emptied(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Opens the directory `name` in `parent` for reading: never through a link, never across a mount (EXDEV).
pub(crate) fn open_inside(parent: BorrowedFd<'_>, name: &CStr, rights: Rights) -> io::Result<OwnedFd> {
    match openat2(parent, name, READ, Mode::empty(), INSIDE) {
        Err(Errno::ACCESS) if rights.are_users() => {
            let handle = openat2(parent, name, HANDLE | OFlags::DIRECTORY, Mode::empty(), INSIDE)?;
            unlock(handle.as_fd())?;
            openat2(parent, name, READ, Mode::empty(), INSIDE)
        }
        opened => opened,
    }
}

/// Opens for reading the directory that `handle` stands for.
pub(crate) fn open_top(handle: BorrowedFd<'_>, rights: Rights) -> io::Result<OwnedFd> {
    match openat2(handle, c".", READ, Mode::empty(), INSIDE) {
        // Looking up even `.` takes the permission to search the directory.
        Err(Errno::ACCESS) if rights.are_users() => {
            unlock(handle)?;
            openat2(handle, c".", READ, Mode::empty(), INSIDE)
        }
        opened => opened,
    }
}

/// Opens the directory above `directory`. BENEATH cannot be asked for here: the caller must compare what it
/// gets with what it expects.
pub(crate) fn open_above(directory: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let inside = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(directory, c"..", READ, Mode::empty(), inside)
}

/// Gives the owner of `directory` every permission on it; EACCES when there is none to give, EPERM when we
/// are not the owner.
///
/// By its name in /proc, because a directory without permissions can only be opened as a handle, which
/// fchmod(2) refuses, and fchmodat2(2) is missing before Linux 6.6. It is the same inode either way.
pub(crate) fn unlock(directory: BorrowedFd<'_>) -> io::Result<()> {
    // Then it is something else that forbids: Landlock, in a directory that was moved away.
    if Status::of(directory)?.owner_may_all() {
        return Err(Errno::ACCESS);
    }
    chmodat(CWD, mounts::path_of(directory), Mode::RWXU, AtFlags::empty())
}
