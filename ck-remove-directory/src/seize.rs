//! Taking a directory from its owner, so that nobody makes names in it while it is being emptied.
//!
//! A process without a pause can make names faster than anybody removes them. In a directory that is
//! root's and closed to all others it can make none, whatever descriptors and working directories it
//! holds: the permission is asked of the inode, on each call (path_resolution(7)). And such a directory
//! stays where it is, because moving one to another parent takes the permission to write to it itself
//! (EACCES in rename(2)).

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, Gid, Mode, Uid, chownat, fchmod};
use rustix::io::{self, Errno};

use crate::entry::open_above;
use crate::status::{Identity, Status};

/// The permissions of a directory that was taken: nobody's but root's, and two bits more, which no directory of
/// root's has together. By them the next run knows what one that was killed had taken.
pub(crate) const SEIZED: Mode = Mode::RWXU.union(Mode::SGID).union(Mode::SVTX);

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
pub(crate) fn seize_in(above: BorrowedFd<'_>, directory: BorrowedFd<'_>) -> io::Result<()> {
    let before = Status::of(directory)?;
    if before.only_root_writes() {
        return Ok(());
    }
    seize(directory);
    // Now, when it cannot be moved any more.
    if identity_above(directory)? == Status::of(above)?.identity {
        return Ok(());
    }
    // In this order: whoever is not the owner may not change the mode without CAP_FOWNER.
    fchmod(directory, before.permissions())?;
    give_back(directory, &before)?;
    Err(Errno::STALE)
}

/// Gives the seized `directory`, which may be an O_PATH descriptor, back to the owner that `before` names.
pub(crate) fn give_back(directory: BorrowedFd<'_>, before: &Status) -> io::Result<()> {
    if Status::of(directory)?.uid == before.uid {
        return Ok(());
    }
    hand_to(directory, before.uid, before.gid)
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
        let before = Status::of(&directory).unwrap();
        seize_in(above.as_fd(), directory.as_fd()).unwrap();
        assert_eq!(of(&path.join("d")), (0, 0, 0o3700));
        assert!(Status::of(&directory).unwrap().is_seized());
        give_back(directory.as_fd(), &before).unwrap();
        assert_eq!(of(&path.join("d")).0, USER);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn one_that_was_moved_away_stays_as_it_was() {
        let (path, above, directory) = stage("moved");
        let elsewhere = path.with_extension("elsewhere");
        fs::rename(path.join("d"), &elsewhere).unwrap();
        assert_eq!(seize_in(above.as_fd(), directory.as_fd()), Err(Errno::STALE));
        assert_eq!(of(&elsewhere), (USER, USER, 0o1777));
        fs::remove_dir_all(path).unwrap();
        fs::remove_dir_all(elsewhere).unwrap();
    }
}
