//! Taking a directory from its owner, so that nobody makes names in it while it is being emptied.
//!
//! A process without a pause can make names faster than anybody removes them. In a directory that is
//! root's and closed to all others it can make none, whatever descriptors and working directories it
//! holds: the permission is asked of the inode, on each call (path_resolution(7)). And such a directory
//! stays where it is, because moving one to another parent takes the permission to write to it itself
//! (EACCES in rename(2)).
//!
//! Whatever cannot go is given back as it was.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, Gid, Mode, Uid, chmodat, chownat, fchmod};
use rustix::io::{self, Errno};

use crate::entry::open_above;
use crate::mounts::path_of;
use crate::status::{Identity, Status};

/// The permissions of a directory that was taken: nobody's but root's, and two bits more, which no directory of
/// root's has together. By them the next run knows what one that was killed had taken.
pub(crate) const SEIZED: Mode = Mode::RWXU.union(Mode::SGID).union(Mode::SVTX);

/// Whose a directory was before it was taken, and with which permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Original {
    uid: Uid,
    gid: Gid,
    mode: Mode,
}

impl Original {
    /// What `status` says. Of a directory that a run took which was then killed, nothing is known any more: it was
    /// the `user`'s, most likely, and is closed to all others from then on.
    pub(crate) fn of(status: &Status, user: Uid) -> Self {
        match status.is_seized() {
            true => Self { uid: user, gid: status.gid, mode: Mode::RWXU },
            false => Self { uid: status.uid, gid: status.gid, mode: status.permissions() },
        }
    }

    /// Makes `directory`, which may be an O_PATH descriptor, again what it was.
    pub(crate) fn give_back(&self, directory: BorrowedFd<'_>) -> io::Result<()> {
        let now = Status::of(directory)?;
        // In this order: whoever is not the owner may not change the mode without CAP_FOWNER, nor who is not of
        // the group keep its set-group-ID bit without CAP_FSETID.
        if now.permissions() != self.mode {
            chmodat(CWD, path_of(directory), self.mode, AtFlags::empty())?;
        }
        if (now.uid, now.gid) != (self.uid, self.gid) {
            hand_to(directory, self.uid, self.gid)?;
        }
        Ok(())
    }
}

/// Takes `directory`, which is open for reading, from whoever has it. Where that is not allowed
/// (chattr +i, no CAP_CHOWN) it stays as it is, and the walk does what it can.
pub(crate) fn seize(directory: BorrowedFd<'_>) {
    // Before, should we be killed in between; and after, when it is nobody else's to undo.
    let _ = fchmod(directory, SEIZED);
    if hand_to(directory, Uid::ROOT, Gid::ROOT).is_ok() {
        let _ = fchmod(directory, SEIZED);
    }
}

/// The same for a directory that was opened in `above`, and that may have been moved since. An error
/// says that it has been; then it is its owner's as before.
///
/// Returns what it was, unless it was root's alone before any run took it.
pub(crate) fn seize_in(
    above: BorrowedFd<'_>,
    directory: BorrowedFd<'_>,
    user: Uid,
) -> io::Result<Option<Original>> {
    let before = Status::of(directory)?;
    let original = Original::of(&before, user);
    if before.only_root_writes() {
        return Ok(before.is_seized().then_some(original));
    }
    seize(directory);
    // Now, when it cannot be moved any more.
    if identity_above(directory)? == Status::of(above)?.identity {
        return Ok(Some(original));
    }
    original.give_back(directory)?;
    Err(Errno::STALE)
}

fn hand_to(directory: BorrowedFd<'_>, uid: Uid, gid: Gid) -> io::Result<()> {
    chownat(directory, c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

fn identity_above(directory: BorrowedFd<'_>) -> io::Result<Identity> {
    Ok(Status::of(open_above(directory)?.as_fd())?.identity)
}

#[cfg(test)]
mod tests {
    use std::env::temp_dir;
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    use std::path::{Path, PathBuf};

    use super::*;

    const USER: u32 = 2001;

    /// A directory of the user's in another one.
    fn stage(name: &str) -> (PathBuf, File, File) {
        let above = temp_dir().join(format!("ck-seize-{name}-{}", std::process::id()));
        fs::create_dir_all(above.join("d")).unwrap();
        chown(above.join("d"), Some(USER), Some(USER)).unwrap();
        fs::set_permissions(above.join("d"), Permissions::from_mode(0o1777)).unwrap();
        let opened = (File::open(&above).unwrap(), File::open(above.join("d")).unwrap());
        (above, opened.0, opened.1)
    }

    fn of(path: &Path) -> (u32, u32, u32) {
        let status = fs::metadata(path).unwrap();
        (status.uid(), status.gid(), status.mode() & 0o7777)
    }

    #[test]
    fn a_seized_directory_is_roots_alone_until_it_is_given_back() {
        let (path, above, directory) = stage("in-place");
        let original = seize_in(above.as_fd(), directory.as_fd(), Uid::from_raw(USER)).unwrap().unwrap();
        assert_eq!(of(&path.join("d")), (0, 0, 0o3700));
        assert!(Status::of(&directory).unwrap().is_seized());
        original.give_back(directory.as_fd()).unwrap();
        assert_eq!(of(&path.join("d")), (USER, USER, 0o1777));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn what_a_killed_run_had_taken_is_the_users_again() {
        let (path, above, directory) = stage("killed");
        seize(directory.as_fd());
        let original = seize_in(above.as_fd(), directory.as_fd(), Uid::from_raw(USER)).unwrap().unwrap();
        original.give_back(directory.as_fd()).unwrap();
        assert_eq!(of(&path.join("d")), (USER, 0, 0o700));
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn one_that_was_moved_away_stays_as_it_was() {
        let (path, above, directory) = stage("moved");
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(path.join("d"), &elsewhere).unwrap();
        assert_eq!(seize_in(above.as_fd(), directory.as_fd(), Uid::from_raw(USER)), Err(Errno::STALE));
        assert_eq!(of(&elsewhere), (USER, USER, 0o1777));
        fs::remove_dir_all(path).unwrap();
        fs::remove_dir_all(elsewhere).unwrap();
    }
}
