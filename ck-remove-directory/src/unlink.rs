//! Removing one name, as far as this is possible without emptying a directory.
//!
//! The type of the file is not asked first: it may change at any moment, and the question can block (a hung FUSE
//! mount). The errors of the calls tell it. The type that the directory listing gave only decides which call is tried
//! first.

use crate::open::{Rights, open_child};
use rustix::{
    fs::{AtFlags, unlinkat},
    io::{self, Errno},
};
use std::{
    ffi::CStr,
    os::fd::{BorrowedFd, OwnedFd},
};

/// The result of an attempt to remove one name.
#[derive(Debug)]
pub(crate) enum Unlinked {
    /// The name was removed.
    Removed,
    /// The name was gone already: another process has removed or renamed it.
    Absent,
    /// The name is a directory that has to be emptied first. It is open for reading.
    Directory(OwnedFd),
    /// Something is mounted on the name.
    MountPoint,
    /// The directory that holds the name does not permit the removal (EACCES).
    Denied,
    /// The name cannot be removed.
    Failed(Errno),
}

/// Removes `name` from `parent`, or tells what prevents it.
///
/// `directory` tells that the name was a directory when it was read. This saves a call if it still is one.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &CStr, directory: bool, rights: Rights) -> Unlinked {
    let unlinked = if directory { Err(Errno::ISDIR) } else { unlinkat(parent, name, AtFlags::empty()) };
    let unlink_error = match unlinked {
        Ok(()) => return Unlinked::Removed,
        Err(Errno::NOENT) => return Unlinked::Absent,
        Err(Errno::ACCESS) => return Unlinked::Denied,
        Err(errno @ (Errno::ISDIR | Errno::PERM | Errno::BUSY)) => errno,
        Err(errno) => return Unlinked::Failed(errno),
    };
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) => return Unlinked::Removed,
        Err(Errno::NOENT) => return Unlinked::Absent,
        Err(Errno::ACCESS) => return Unlinked::Denied,
        Err(Errno::NOTDIR) if directory => return remove(parent, name, false, rights),
        // ENOTEMPTY: a directory that is not empty. EPERM: a directory that cannot be removed itself (chattr +i,
        // sticky), although its contents may be removable.
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::PERM | Errno::BUSY | Errno::NOTDIR) => {}
        Err(errno) => return Unlinked::Failed(errno),
    }
    match open_child(parent, name, rights) {
        Ok(directory) => Unlinked::Directory(directory),
        Err(Errno::NOENT) => Unlinked::Absent,
        Err(Errno::XDEV) => Unlinked::MountPoint,
        // Not a directory: the error of unlinkat is the reason.
        Err(Errno::NOTDIR | Errno::LOOP) => Unlinked::Failed(unlink_error),
        Err(errno) => Unlinked::Failed(errno),
    }
}

/// Removes the directory `name`, which was emptied. False if it was gone already.
pub(crate) fn remove_emptied(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<bool> {
    match unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}
