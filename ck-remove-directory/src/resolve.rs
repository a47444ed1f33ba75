//! How names are looked up: without following links, and without crossing mounts.
//!
//! openat2(2) does this in the kernel. The filter of a container (seccomp(2)) may refuse the call, with EPERM or ENOSYS.
//! Then every component is opened by a call of its own, and the ids of the mounts are compared.

use crate::attributes::Attributes;
use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, openat, openat2, statx},
    io::{self, Errno},
};
use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    sync::OnceLock,
};

/// Opens a handle (O_PATH): reads nothing, never blocks, and does not follow a link in the last component.
pub(crate) const HANDLE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Keeps a look-up beneath the directory in which it starts: no links, no way out by `..`.
pub(crate) const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// [`BENEATH`], and without crossing a mount.
///
/// The device number does not show a mount: a bind mount of the same file system has the same st_dev.
pub(crate) const INSIDE: ResolveFlags = BENEATH.union(ResolveFlags::NO_XDEV);

/// True once openat2(2) is known to be refused.
static REFUSED: OnceLock<bool> = OnceLock::new();

/// The path in /proc that names the inode of an open descriptor, for system calls that take only paths.
///
/// The parameter is a borrow and never `impl AsFd`: a descriptor that is passed by value would be closed before the
/// path is used.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// Opens the relative `path` in `directory`. It follows no link, and obeys `resolve`: EXDEV where that forbids a step.
pub(crate) fn open(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> io::Result<OwnedFd> {
    if REFUSED.get() != Some(&true) {
        match openat2(directory, path, flags, Mode::empty(), resolve) {
            Err(Errno::PERM | Errno::NOSYS) if is_refused() => {}
            opened => return opened,
        }
    }
    open_by_components(directory, path, flags, resolve)
}

/// True if it is the call that is refused. A file system may return EPERM too, but a handle to `/` is permitted to
/// everybody.
fn is_refused() -> bool {
    let ask = || openat2(CWD, c"/", HANDLE, Mode::empty(), ResolveFlags::empty());
    *REFUSED.get_or_init(|| matches!(ask(), Err(Errno::PERM | Errno::NOSYS)))
}

/// As [`open`], by calls that each open one component.
///
/// A single component leads nowhere else: a link is opened and not followed, and only `..` leads up. Reading begins after
/// the mounts were compared, because to open a mounted file system may take for ever.
fn open_by_components(
    directory: BorrowedFd<'_>,
    path: &CStr,
    flags: OFlags,
    resolve: ResolveFlags,
) -> io::Result<OwnedFd> {
    let mut handle = open_component(directory, c".", resolve)?;
    for component in path.to_bytes().split(|&byte| byte == b'/').filter(|component| !component.is_empty()) {
        let component = CString::new(component).map_err(|_| Errno::INVAL)?;
        handle = open_component(handle.as_fd(), &component, resolve)?;
    }
    if flags.contains(OFlags::DIRECTORY) && !Attributes::of(&handle)?.is_directory() {
        return Err(Errno::NOTDIR);
    }
    if flags.contains(OFlags::PATH) {
        return Ok(handle);
    }
    openat(handle, c".", flags, Mode::empty())
}

/// Opens a handle to one component. Without O_DIRECTORY, nothing is mounted for it (openat(2), O_PATH).
fn open_component(parent: BorrowedFd<'_>, name: &CStr, resolve: ResolveFlags) -> io::Result<OwnedFd> {
    if name == c".." && resolve.contains(ResolveFlags::BENEATH) {
        return Err(Errno::XDEV);
    }
    let handle = openat(parent, name, HANDLE, Mode::empty())?;
    // Both mounts are held by a descriptor, so neither id is reused meanwhile.
    if resolve.contains(ResolveFlags::NO_XDEV) && mount_id(handle.as_fd())? != mount_id(parent)? {
        return Err(Errno::XDEV);
    }
    Ok(handle)
}

/// The id of the mount that `fd` is on, as in the mount table. ENOSYS before Linux 5.8.
pub(crate) fn mount_id(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let found = statx(fd, c"", flags, StatxFlags::MNT_ID)?;
    let known = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID);
    known.then_some(found.stx_mnt_id).ok_or(Errno::NOSYS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs::{self, File},
        os::unix::fs::symlink,
    };

    const READ: OFlags =
        OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

    /// The inode that each way opens, or its error.
    fn both(directory: &File, path: &CStr, flags: OFlags, resolve: ResolveFlags) -> [io::Result<u64>; 2] {
        let directory = directory.as_fd();
        let inode = |opened: OwnedFd| rustix::fs::fstat(opened).map(|found| found.st_ino);
        [
            openat2(directory, path, flags, Mode::empty(), resolve).and_then(inode),
            open_by_components(directory, path, flags, resolve).and_then(inode),
        ]
    }

    #[test]
    fn by_components_the_same_is_opened_and_refused() {
        let base = std::env::temp_dir().join(format!("ck-resolve-{}", std::process::id()));
        fs::create_dir_all(base.join("a/b")).unwrap();
        fs::write(base.join("a/file"), "x").unwrap();
        symlink("b", base.join("a/link")).unwrap();
        let directory = File::open(base.join("a")).unwrap();
        for (path, flags, resolve) in [
            (c"b", READ, INSIDE),
            (c".", READ, INSIDE),
            (c"b", HANDLE | OFlags::DIRECTORY, INSIDE),
            (c"file", HANDLE, INSIDE),
            (c"link", HANDLE, INSIDE),
            (c"..", READ, ResolveFlags::NO_XDEV),
            (c"..", READ, INSIDE),
            (c"b/../..", HANDLE, BENEATH),
            (c"link", READ, INSIDE),
            (c"file", READ, INSIDE),
            (c"none", READ, INSIDE),
            (c"file/none", HANDLE, INSIDE),
        ] {
            let [at_once, one_by_one] = both(&directory, path, flags, resolve);
            assert_eq!(at_once, one_by_one, "{path:?}");
        }
        let root = File::open("/").unwrap();
        for path in [c"proc", c"proc/self"] {
            assert_eq!(both(&root, path, HANDLE, INSIDE), [Err(Errno::XDEV); 2], "{path:?}");
        }
        // Of a link on the way only the error differs.
        assert_eq!(both(&directory, c"link/x", HANDLE, INSIDE), [Err(Errno::LOOP), Err(Errno::NOTDIR)]);
        fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn an_error_of_the_file_is_not_taken_for_a_filter() {
        assert!(!is_refused());
    }
}
