//! The records of lingering users: a file `<uid>` each, in a directory that survives a reboot.
//!
//! A record is a line, `UID GID NAME`. A line without a line feed is incomplete.

use crate::{
    places::directory,
    state_files::{self, StoreError, error},
};
use ck_core::model::Lingerer;
use ck_protocol::{Gid, Uid, UserName, limits};
use rustix::{
    fs::{AtFlags, Dir, Mode, OFlags, StatVfsMountFlags, fstatvfs, open, openat, renameat, unlinkat},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// The maximum size of a record, in bytes: two numbers, a name and separators.
const MAX_RECORD_SIZE: usize = 2 * 10 + limits::USER_NAME + 3;

/// The directory, which [`crate::places`] has made. Its path is looked up once, because other users can read the
/// directories above it and can therefore block a lookup there.
#[derive(Debug)]
pub struct LingerDir {
    path: PathBuf,
    directory: Option<OwnedFd>,
}

/// Why a record could not be written or removed.
#[derive(Debug, thiserror::Error)]
pub enum LingerError {
    /// There is no usable directory.
    #[error("{} could not be used when ck-broker started, as its log says: correct that, and start ck-broker again", .0.display())]
    NoDirectory(PathBuf),
    /// The record could not be changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A record that cannot be parsed.
#[derive(Debug, thiserror::Error)]
#[error("is not a line of the form `UID GID NAME`")]
struct MalformedRecord;

impl LingerDir {
    /// Opens the directory at `path`. If there is none, or users other than root can write it, no user lingers, and
    /// that is logged.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = match directory::inspect(path) {
            Ok(true) => open(path, flags, Mode::empty())
                .inspect_err(|errno| log::error!("no user lingers: cannot open {}: {errno}", path.display())),
            Ok(false) => Err(Errno::NOENT),
            Err(error) => {
                log::error!("no user lingers: {error}");
                Err(Errno::PERM)
            }
        };
        Self { path: path.to_owned(), directory: directory.ok() }
    }

    /// The problem for the administrator, if the file system has become read-only or full: then nobody can be written down.
    /// It is looked at now, so that it is over when it is over.
    pub(crate) fn problem(&self) -> Option<String> {
        let found = fstatvfs(self.directory.as_ref()?).ok()?;
        let why = if found.f_flag.contains(StatVfsMountFlags::RDONLY) {
            Errno::ROFS
        } else if found.f_bfree == 0 || (found.f_files > 0 && found.f_ffree == 0) {
            // Some file systems count no inodes.
            Errno::NOSPC
        } else {
            return None;
        };
        Some(format!("who lingers cannot be changed: {}: {why}", self.path.display()))
    }

    /// Reads the lingering users, at most `most`. A record that cannot be read is set aside. Errors are only logged,
    /// because they must not prevent logins.
    #[must_use]
    pub fn read(&self, most: usize) -> Vec<(Uid, Lingerer)> {
        let Some(directory) = &self.directory else { return Vec::new() };
        let mut uids = self.uids(directory).unwrap_or_else(|error| {
            log::error!("no user lingers: {error}");
            Vec::new()
        });
        uids.sort_unstable();
        if uids.len() > most {
            log::error!("{}: {} users linger, but only {most} can", self.path.display(), uids.len());
        }
        uids.into_iter().take(most).filter_map(|uid| Some((uid, self.read_one(directory, uid)?))).collect()
    }

    /// Writes down that the user lingers.
    ///
    /// # Errors
    /// [`LingerError`]; then nothing is written down.
    pub fn write(&self, uid: Uid, lingerer: &Lingerer) -> Result<(), LingerError> {
        let directory = self.directory()?;
        let ids = format!("{uid} {} ", lingerer.gid.get());
        let line = [ids.as_bytes(), lingerer.name.as_bytes(), b"\n"].concat();
        let (name, hidden) = (uid.to_string(), format!(".{uid}.new"));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
        let written = openat(directory, &hidden, flags, Mode::RUSR | Mode::WUSR)
            .map_err(io::Error::from)
            .and_then(|file| File::from(file).write_all(&line))
            .and_then(|()| Ok(renameat(directory, &hidden, directory, &name)?));
        let written = written.inspect_err(|_| {
            // Nothing half-made: the error itself is what the caller hears about.
            let _ = unlinkat(directory, &hidden, AtFlags::empty());
        });
        Ok(written.map_err(error("write", &self.path.join(&name)))?)
    }

    /// Strikes out that the user lingers; one who does not needs none.
    ///
    /// # Errors
    /// [`LingerError`]
    pub fn remove(&self, uid: Uid) -> Result<(), LingerError> {
        match unlinkat(self.directory()?, uid.to_string(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(error("remove", &self.path.join(uid.to_string()))(errno.into()).into()),
        }
    }

    fn directory(&self) -> Result<&OwnedFd, LingerError> {
        self.directory.as_ref().ok_or_else(|| LingerError::NoDirectory(self.path.clone()))
    }

    /// The users who have a record.
    fn uids(&self, directory: &OwnedFd) -> Result<Vec<Uid>, StoreError> {
        let failed = |errno: Errno| error("list", &self.path)(errno.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(directory).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
        }
        for half_made in names.iter().filter(|name| state_files::is_half_made(name)) {
            let _ = unlinkat(directory, half_made.as_str(), AtFlags::empty());
        }
        Ok(names.iter().filter_map(|name| state_files::uid_of(name)).collect())
    }

    fn read_one(&self, directory: &OwnedFd, uid: Uid) -> Option<Lingerer> {
        let path = self.path.join(uid.to_string());
        let why: &dyn std::fmt::Display = match record(directory, uid) {
            Ok(record) => match parse(uid, &record) {
                Ok(lingerer) => return Some(lingerer),
                Err(MalformedRecord) => &MalformedRecord,
            },
            Err(error) => &error.to_string(),
        };
        let aside = format!(".{uid}.unreadable");
        match renameat(directory, uid.to_string(), directory, &aside) {
            Ok(()) => {
                let aside = self.path.join(aside);
                log::error!("{}: {why}; set aside as {}", path.display(), aside.display());
            }
            Err(errno) => log::error!("{}: {why}; cannot be set aside: {errno}", path.display()),
        }
        None
    }
}

fn record(directory: &OwnedFd, uid: Uid) -> io::Result<Vec<u8>> {
    let file = openat(directory, uid.to_string(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut record = Vec::new();
    // One byte more than a record may have, so that a longer one is noticed.
    File::from(file).take(u64::try_from(MAX_RECORD_SIZE + 1).unwrap_or(u64::MAX)).read_to_end(&mut record)?;
    Ok(record)
}

fn parse(uid: Uid, record: &[u8]) -> Result<Lingerer, MalformedRecord> {
    let line = record.strip_suffix(b"\n").ok_or(MalformedRecord)?;
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let mut number = || {
        let digits = parts.next().and_then(|part| std::str::from_utf8(part).ok());
        digits.and_then(|digits| digits.parse::<u32>().ok()).ok_or(MalformedRecord)
    };
    if number()? != uid.get() || uid == Uid::ROOT {
        return Err(MalformedRecord);
    }
    let gid = Gid::try_from(number()?).map_err(|_| MalformedRecord)?;
    let name = parts.next().and_then(|name| UserName::new(name).ok()).ok_or(MalformedRecord)?;
    name.is_usable().then_some(Lingerer { gid, name }).ok_or(MalformedRecord)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &str) -> Option<(u32, String)> {
        let lingerer = parse(Uid::try_from(2001).unwrap(), record.as_bytes()).ok()?;
        Some((lingerer.gid.get(), lingerer.name.to_text().into_owned()))
    }

    #[test]
    fn a_record_is_read_whole_or_not_at_all() {
        let record = "2001 100 DOM\\alice of sales\n";
        assert_eq!(read(record), Some((100, "DOM\\alice of sales".to_owned())));
        for length in 0..record.len() {
            assert_eq!(read(&record[..length]), None, "{length} bytes");
        }
        let bytes = b"2001 100 J\xf6rg\n";
        let lingerer = parse(Uid::try_from(2001).unwrap(), bytes).ok().unwrap();
        assert_eq!(lingerer.name.as_bytes(), b"J\xf6rg");
        let bad =
            ["2002 100 alice\n", "2001 4294967295 alice\n", "2001 -1 a\n", "2001 100 \n", "2001 100 a\nb\n"];
        for bad in bad {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
