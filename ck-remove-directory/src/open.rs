//! Opening directories for reading, with the rights of the user or of root.

use crate::{
    attributes::Attributes,
    resolve::{self, HANDLE, INSIDE, proc_path},
};
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, chmodat},
    io::{self, Errno},
};
use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// Opens a directory for reading its names.
const READ: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The rights with which a pass works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// The rights of the user. The pass adds missing permissions to the user's own directories. It leaves mounts to
    /// root.
    User,
    /// The rights of the user, in a child that is confined to the directory ([`crate::confine`]).
    ConfinedUser,
    /// The rights of root. Permissions do not matter. The pass detaches mounts.
    Root,
}

impl Rights {
    pub(crate) fn are_of_user(self) -> bool {
        matches!(self, Self::User | Self::ConfinedUser)
    }
}

/// Opens the directory `name` in `parent` for reading. It never follows a link, and never crosses a mount (EXDEV).
pub(crate) fn open_child(parent: BorrowedFd<'_>, name: &CStr, rights: Rights) -> io::Result<OwnedFd> {
    match resolve::open(parent, name, READ, INSIDE) {
        Err(Errno::ACCESS) if rights.are_of_user() => {
            let handle = resolve::open(parent, name, HANDLE | OFlags::DIRECTORY, INSIDE)?;
            add_permissions(handle.as_fd())?;
            resolve::open(parent, name, READ, INSIDE)
        }
        opened => opened,
    }
}

/// Opens the directory of `handle` for reading.
pub(crate) fn open_top(handle: BorrowedFd<'_>, rights: Rights) -> io::Result<OwnedFd> {
    match resolve::open(handle, c".", READ, INSIDE) {
        // Even the look-up of `.` takes the permission to search the directory.
        Err(Errno::ACCESS) if rights.are_of_user() => {
            add_permissions(handle)?;
            resolve::open(handle, c".", READ, INSIDE)
        }
        opened => opened,
    }
}

/// Opens the directory above `directory`.
///
/// RESOLVE_BENEATH does not allow `..`. The caller must compare the result with the directory that it expects.
pub(crate) fn open_dotdot(directory: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let inside = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    resolve::open(directory, c"..", READ, inside)
}

/// Gives the owner of `directory` every permission on it. EACCES if the owner has them already, EPERM if we are not the
/// owner.
///
/// The directory is named by its path in /proc. A directory without permissions can be opened only as a handle, which
/// fchmod(2) refuses, and fchmodat2(2) does not exist before Linux 6.6. The path leads to the same inode.
pub(crate) fn add_permissions(directory: BorrowedFd<'_>) -> io::Result<()> {
    // If the permissions are there, something else denies the access: Landlock, for a directory that was moved away.
    if Attributes::of(directory)?.owner_has_all_permissions() {
        return Err(Errno::ACCESS);
    }
    chmodat(CWD, proc_path(directory), Mode::RWXU, AtFlags::empty())
}
