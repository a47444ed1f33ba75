//! Mounts, as the places need them: made where nobody sees them, and put in place whole.

use rustix::{
    fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
        UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount,
        open_tree, unmount,
    },
};
use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

/// A new tmpfs that is mounted nowhere yet and goes with its descriptor: fsopen(2), Linux 5.2.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN, and what else fsconfig(2) and fsmount(2) have.
pub(super) fn tmpfs(options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for &(key, value) in options {
        fsconfig_set_string(&context, key, value)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// The file system that `name` in `directory` is on, from there on, as a mount of its own that is seen nowhere. What is
/// mounted in it comes along if `recursive`. Nothing is asked of the file systems themselves.
///
/// # Errors
/// Those of open_tree(2), Linux 5.2.
pub(crate) fn copy(directory: impl AsFd, name: &Path, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    open_tree(directory, name, flags)
}

/// Puts a mount that is seen nowhere on `name` in `directory`, on top of what is mounted there.
///
/// # Errors
/// Those of move_mount(2), Linux 5.2.
pub(crate) fn attach(mount: &OwnedFd, directory: impl AsFd, name: &Path) -> Result<(), Errno> {
    move_mount(mount, c"", directory, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Has what is mounted at `path`, and in it, go its own way: nothing that is done with the mounts that it was copied from, or
/// with those copied from it, is done with it as well (mount_namespaces(7)).
///
/// # Errors
/// Those of mount(2).
pub(crate) fn make_private(path: &Path) -> Result<(), Errno> {
    mount_change(path, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

/// Has what is mounted in the mount at `path` be seen in the mount namespaces that are copied from ours.
///
/// # Errors
/// Those of mount(2).
pub(super) fn make_shared(path: &Path) -> Result<(), Errno> {
    mount_change(path, MountPropagationFlags::SHARED)
}

/// Takes the uppermost mount off `path`.
///
/// # Errors
/// `EINVAL` where nothing is mounted there, and what else umount2(2) has.
pub(crate) fn detach(path: &Path) -> Result<(), Errno> {
    unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
}

/// The same, if nobody uses the mount and nothing is mounted in it.
///
/// # Errors
/// `EBUSY` where somebody does.
pub(crate) fn unmount_idle(path: &Path) -> Result<(), Errno> {
    unmount(path, UnmountFlags::NOFOLLOW)
}

/// Whether something is mounted at `path`: `STATX_ATTR_MOUNT_ROOT`, Linux 5.8.
///
/// # Errors
/// Those of statx(2).
pub(crate) fn is_mounted_on(path: &Path) -> Result<bool, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let found = statx(CWD, path, flags, StatxFlags::TYPE)?;
    Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}
