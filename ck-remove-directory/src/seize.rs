//! Seizing: root takes a directory from its owner, so that nobody makes names in it while it is emptied.
//!
//! A busy process can make names faster than another one removes them. In a directory that belongs to root and is
//! closed to all others, it can make none, whatever descriptors and working directories it has: the kernel checks the
//! permissions of the inode on each call (path_resolution(7)). Such a directory also stays in its place, because to
//! move a directory to another parent takes the permission to write to the directory itself (EACCES in rename(2)).
//!
//! A directory that cannot be removed is given back as it was.

use crate::{
    attributes::{Attributes, Identity},
    open::open_dotdot,
    resolve::proc_path,
};
use rustix::{
    fs::{AtFlags, CWD, Gid, Mode, Uid, chmodat, chownat, fchmod},
    io::{self, Errno},
};
use std::os::fd::{AsFd, BorrowedFd};

/// The permissions of a seized directory: only root's, and two more bits that no directory of root's has together. By
/// these bits, the next run recognises what a killed run has seized.
const SEIZED: Mode = Mode::RWXU.union(Mode::SGID).union(Mode::SVTX);

/// True if a run that was killed has seized this directory.
pub(crate) fn is_seized(directory: &Attributes) -> bool {
    directory.uid.is_root() && directory.permissions() == SEIZED
}

/// The owner, the group and the permissions of a directory before it was seized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OriginalOwner {
    uid: Uid,
    gid: Gid,
    mode: Mode,
}

impl OriginalOwner {
    /// Takes them from `attributes`.
    ///
    /// If a killed run has seized the directory, its original owner is unknown. It most likely belonged to `user`. It
    /// is given to `user`, and closed to all others.
    pub(crate) fn of(attributes: &Attributes, user: Uid) -> Self {
        match is_seized(attributes) {
            true => Self { uid: user, gid: attributes.gid, mode: Mode::RWXU },
            false => Self { uid: attributes.uid, gid: attributes.gid, mode: attributes.permissions() },
        }
    }

    /// Gives `directory`, which may be an O_PATH descriptor, back to its owner.
    pub(crate) fn give_back(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let now = Attributes::of(directory)?;
        // The mode comes first. A process that is not the owner cannot change it without CAP_FOWNER. A process that
        // is not in the group cannot keep the set-group-ID bit without CAP_FSETID.
        if now.permissions() != self.mode {
            chmodat(CWD, proc_path(directory), self.mode, AtFlags::empty())?;
        }
        if (now.uid, now.gid) != (self.uid, self.gid) {
            change_owner(directory, self.uid, self.gid)?;
        }
        Ok(())
    }
}

/// Seizes `directory`, which is open for reading. If this is not allowed (chattr +i, no CAP_CHOWN), the directory
/// stays as it is, and the pass removes what it can.
pub(crate) fn seize(directory: BorrowedFd<'_>) {
    // Once before the owner changes, in case this process is killed in between. Once after, when nobody else can undo
    // it.
    let _ = fchmod(directory, SEIZED);
    if change_owner(directory, Uid::ROOT, Gid::ROOT).is_ok() {
        let _ = fchmod(directory, SEIZED);
    }
}

/// Seizes `directory`, which was opened in `parent` and may have been moved since.
///
/// Returns its original owner, unless only root could write to it before and no run has seized it.
///
/// # Errors
/// ESTALE if the directory was moved. Its owner has it back then.
pub(crate) fn seize_in(
    parent: BorrowedFd<'_>,
    directory: BorrowedFd<'_>,
    user: Uid,
) -> io::Result<Option<OriginalOwner>> {
    let before = Attributes::of(directory)?;
    let original = OriginalOwner::of(&before, user);
    if before.only_root_writes() {
        return Ok(is_seized(&before).then_some(original));
    }
    seize(directory);
    // From here on the directory cannot be moved, so the comparison is reliable.
    if parent_identity(directory)? == Attributes::of(parent)?.identity {
        return Ok(Some(original));
    }
    original.give_back(directory)?;
    Err(Errno::STALE)
}

fn change_owner(directory: BorrowedFd<'_>, uid: Uid, gid: Gid) -> io::Result<()> {
    chownat(directory, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

fn parent_identity(directory: BorrowedFd<'_>) -> io::Result<Identity> {
    Ok(Attributes::of(open_dotdot(directory)?.as_fd())?.identity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        env::temp_dir,
        fs::{self, File, Permissions},
        os::unix::fs::{MetadataExt, PermissionsExt, chown},
        path::{Path, PathBuf},
    };

    const USER: u32 = 2001;

    /// Makes a directory of the user's in another one, and opens both.
    fn stage(name: &str) -> (PathBuf, File, File) {
        let parent = temp_dir().join(format!("ck-seize-{name}-{}", std::process::id()));
        fs::create_dir_all(parent.join("d")).unwrap();
        chown(parent.join("d"), Some(USER), Some(USER)).unwrap();
        fs::set_permissions(parent.join("d"), Permissions::from_mode(0o1777)).unwrap();
        let opened = (File::open(&parent).unwrap(), File::open(parent.join("d")).unwrap());
        (parent, opened.0, opened.1)
    }

    fn owner_and_mode(path: &Path) -> (u32, u32, u32) {
        let status = fs::metadata(path).unwrap();
        (status.uid(), status.gid(), status.mode() & 0o7777)
    }

    #[test]
    fn a_seized_directory_is_roots_alone_until_it_is_given_back() {
        let (path, parent, directory) = stage("in-place");
        let original = seize_in(parent.as_fd(), directory.as_fd(), Uid::from_raw(USER)).unwrap().unwrap();
        assert_eq!(owner_and_mode(&path.join("d")), (0, 0, 0o3700));
        assert!(is_seized(&Attributes::of(&directory).unwrap()));
        original.give_back(directory.as_fd()).unwrap();
        assert_eq!(owner_and_mode(&path.join("d")), (USER, USER, 0o1777));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_a_killed_run_has_seized_is_the_users_again() {
        let (path, parent, directory) = stage("killed");
        seize(directory.as_fd());
        let original = seize_in(parent.as_fd(), directory.as_fd(), Uid::from_raw(USER)).unwrap().unwrap();
        original.give_back(directory.as_fd()).unwrap();
        assert_eq!(owner_and_mode(&path.join("d")), (USER, 0, 0o700));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_directory_that_was_moved_away_stays_as_it_was() {
        let (path, parent, directory) = stage("moved");
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(path.join("d"), &elsewhere).unwrap();
        assert_eq!(seize_in(parent.as_fd(), directory.as_fd(), Uid::from_raw(USER)), Err(Errno::STALE));
        assert_eq!(owner_and_mode(&elsewhere), (USER, USER, 0o1777));
        fs::remove_dir_all(path).unwrap();
        fs::remove_dir_all(elsewhere).unwrap();
    }
}
