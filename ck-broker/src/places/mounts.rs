//! Mount operations for the places. A file system is prepared while it is not visible, then mounted in one step.

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

/// A new tmpfs that is not mounted yet. It is freed with its descriptor. fsopen(2), Linux 5.2.
///
/// # Errors
/// `EPERM` without CAP_SYS_ADMIN, and the other errors of fsopen(2), fsconfig(2) and fsmount(2).
pub(super) fn tmpfs(options: &[(&str, &str)], attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for &(key, value) in options {
        fsconfig_set_string(&context, key, value)?;
    }
    fsconfig_create(&context)?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Copies the mount that contains `name` in `directory`, with `name` as its root. The copy is not visible anywhere yet.
/// With `recursive`, the mounts in it are copied too. The file systems themselves are not accessed.
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

/// Mounts a detached mount on `name` in `directory`, on top of the mounts that are there.
///
/// # Errors
/// Those of move_mount(2), Linux 5.2.
pub(crate) fn attach(mount: &OwnedFd, directory: impl AsFd, name: &Path) -> Result<(), Errno> {
    move_mount(mount, c"", directory, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Makes the mount at `path`, and the mounts in it, private: mount events no longer propagate between them and their
/// copies or originals (mount_namespaces(7)).
///
/// # Errors
/// Those of mount(2).
pub(crate) fn make_private(path: &Path) -> Result<(), Errno> {
    mount_change(path, MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

/// Makes the mount at `path` shared: mounts in it are visible in the mount namespaces that were copied from ours.
///
/// # Errors
/// Those of mount(2).
pub(super) fn make_shared(path: &Path) -> Result<(), Errno> {
    mount_change(path, MountPropagationFlags::SHARED)
}

/// Detaches the uppermost mount from `path`.
///
/// # Errors
/// `EINVAL` if nothing is mounted there, and the other errors of umount2(2).
pub(crate) fn detach(path: &Path) -> Result<(), Errno> {
    unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
}

/// Unmounts the uppermost mount of `path`, if no process uses it and nothing is mounted in it.
///
/// # Errors
/// `EBUSY` if the mount is in use.
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
