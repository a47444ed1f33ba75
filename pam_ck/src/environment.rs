//! The environment variables of a login, and the check of its runtime directory.

use crate::lookup::{Last, Place, find};
use ck_protocol::{Opened, Uid};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD, FileType, Statx, StatxFlags, statx},
    io::Errno,
};
use std::path::Path;

/// The mode of a runtime directory.
const MODE: u16 = 0o700;
/// The bits of a mode that are compared: setuid, setgid and sticky must not be set either.
const PERMISSIONS: u16 = 0o7777;

/// Why a directory is not named by `XDG_RUNTIME_DIR`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    /// The path cannot be examined.
    #[error("cannot examine {path}: {source}")]
    Examine {
        /// The path.
        path: String,
        /// The error.
        source: Errno,
    },
    /// The path is relative, and so means something else in every process.
    #[error("{0} is not an absolute path")]
    Relative(String),
    /// The path is a symbolic link, a file or the like.
    #[error("{0} is not a directory")]
    NotADirectory(String),
    /// The directory belongs to another user.
    #[error("{path} belongs to uid {owner}, not to {uid}")]
    Owner {
        /// The path.
        path: String,
        /// The owner of the directory.
        owner: u32,
        /// The user who logs in.
        uid: Uid,
    },
    /// The directory is open to others, or closed to its owner.
    #[error("{path} has mode {mode:04o}, not {MODE:04o}")]
    Mode {
        /// The path.
        path: String,
        /// The mode of the directory.
        mode: u16,
    },
}

/// The variables of a session as names and values, without `XDG_RUNTIME_DIR`.
pub(crate) fn variables(opened: &Opened) -> impl Iterator<Item = (&'static str, String)> {
    let always = [
        ("XDG_SESSION_ID", opened.id.to_string()),
        ("XDG_SESSION_CLASS", opened.class.to_string()),
        ("XDG_SESSION_TYPE", opened.session_type.to_string()),
    ];
    let seat = opened.seat.as_ref().map(|seat| ("XDG_SEAT", seat.as_str().to_owned()));
    let vt = opened.vt.map(|vt| ("XDG_VTNR", vt.get().to_string()));
    always.into_iter().chain(seat).chain(vt)
}

/// Checks that `path` is a directory of `uid` with mode 0700, and not a symbolic link. Returns it, opened with `O_PATH`; `None` if
/// the kernel cannot restrict a look-up to its cache.
///
/// # Errors
/// [`DirectoryError`] if `XDG_RUNTIME_DIR` must not name it.
pub(crate) fn check_directory(path: &str, uid: Uid) -> Result<Option<OwnedFd>, DirectoryError> {
    if !path.starts_with('/') {
        return Err(DirectoryError::Relative(path.to_owned()));
    }
    let (Place { handle, .. }, found) = examine(Path::new(path))
        .map_err(|source| DirectoryError::Examine { path: path.to_owned(), source })?;
    if FileType::from_raw_mode(found.stx_mode.into()) != FileType::Directory {
        return Err(DirectoryError::NotADirectory(path.to_owned()));
    }
    if found.stx_uid != uid.get() {
        return Err(DirectoryError::Owner { path: path.to_owned(), owner: found.stx_uid, uid });
    }
    let mode = found.stx_mode & PERMISSIONS;
    if mode != MODE {
        return Err(DirectoryError::Mode { path: path.to_owned(), mode });
    }
    Ok(handle)
}

/// `path` itself and its attributes. Waits neither for a process that holds its directory, nor for a file system
/// mounted on it.
fn examine(path: &Path) -> Result<(Place, Statx), Errno> {
    // Users can mount FUSE over their own directory. stat(2) would ask its server, and wait for ever if it hangs.
    // AT_STATX_DONT_SYNC returns what the kernel knows (seen on 6.18, also before the server's first answer).
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID;
    let place = find(path, Last::Keep)?;
    let found = match &place.handle {
        Some(handle) => statx(handle, c"", flags | AtFlags::EMPTY_PATH, wanted),
        None => statx(CWD, &place.path, flags, wanted),
    };
    Ok((place, found?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::{Class, SessionId, SessionType, Text, Vt};
    use std::{
        env, fs,
        os::unix::fs::{PermissionsExt, chown, symlink},
        path::PathBuf,
        process,
    };

    fn session() -> Opened {
        let (class, session_type) = (Class::User, SessionType::Tty);
        Opened { id: SessionId::new(7), class, session_type, seat: None, vt: None, runtime_dir: None }
    }

    #[test]
    fn a_remote_session_has_three_variables_and_a_console_session_five() {
        let names = |opened: &Opened| variables(opened).map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>();
        let remote = session();
        let three = ["XDG_SESSION_ID=7", "XDG_SESSION_CLASS=user", "XDG_SESSION_TYPE=tty"];
        assert_eq!(names(&remote), three);
        let console =
            Opened { seat: Some(Text::clipped("seat0")), vt: Some(Vt::try_from(2).unwrap()), ..remote };
        assert_eq!(names(&console)[3..], ["XDG_SEAT=seat0", "XDG_VTNR=2"]);
    }

    /// Makes a directory for the test `name`.
    fn directory(name: &str, owner: u32, mode: u32) -> String {
        let path = env::temp_dir().join(format!("pam-ck-environment-{}-{name}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        chown(&path, Some(owner), None).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path.into_os_string().into_string().unwrap()
    }

    #[test]
    fn only_a_private_directory_of_the_user_is_accepted() {
        let uid = Uid::try_from(2001).unwrap();
        let good = directory("good", 2001, 0o700);
        assert!(check_directory(&good, uid).is_ok());
        let link = PathBuf::from(format!("{good}-link"));
        let _ = fs::remove_file(&link);
        symlink(&good, &link).unwrap();
        let link = link.into_os_string().into_string().unwrap();
        assert!(
            matches!(check_directory(&link, uid), Err(DirectoryError::NotADirectory(path)) if path == link)
        );
        fs::remove_file(&link).unwrap();
        assert!(matches!(
            check_directory(&link, uid),
            Err(DirectoryError::Examine { source: Errno::NOENT, .. })
        ));
        fs::remove_dir(good).unwrap();

        let foreign = directory("foreign", 0, 0o700);
        assert!(matches!(check_directory(&foreign, uid), Err(DirectoryError::Owner { owner: 0, .. })));
        fs::remove_dir(foreign).unwrap();
        for mode in [0o750, 0o707, 0o500, 0o1700, 0o2700] {
            let open = directory("open", 2001, mode);
            assert!(matches!(check_directory(&open, uid), Err(DirectoryError::Mode { .. })), "{mode:o}");
            fs::remove_dir(open).unwrap();
        }
        assert!(matches!(check_directory("tmp", uid), Err(DirectoryError::Relative(_))));
    }
}
