//! One directory of files, as the publisher keeps it.
//!
//! Every user can read the directory, and so hold its lock as long as they like. Whoever changes it must be somebody for
//! whom nobody waits.

use super::packet::Place;
use ck_core::compat::sd_login::MARK;
use rustix::{
    fs::{
        Access, AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, accessat, fstat, mkdirat, openat,
        renameat, renameat_with, unlinkat,
    },
    io::{Errno, read, write},
};
use std::{
    collections::HashSet,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

/// The directory above all of them.
pub(super) const ROOT: &str = "/run/systemd";
/// The mode of the directories and the files.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
/// Begins the name of a file that is being written. Readers pass over names that begin with a dot.
const NEW: &str = ".ck-";
/// The file in a directory that does not stay when it is empty. A directory that somebody else has made has no such file.
const OWN: &str = ".made-by-ck-broker";
/// As much of a file as is read. No file of a session is longer.
const FILE_SIZE: usize = 4096;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum DirectoryError {
    #[error("cannot make {}: {source}", path.display())]
    Make { path: PathBuf, source: Errno },
    #[error("{} is missing", .0.display())]
    Absent(PathBuf),
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: Errno },
    #[error("{} does not belong to root alone: correct its owner and mode", .0.display())]
    NotRoots(PathBuf),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: Errno },
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: Errno },
    #[error("cannot remove {}: {source}", path.display())]
    Remove { path: PathBuf, source: Errno },
    #[error("{} belongs to another program: remove it", .0.display())]
    Foreign(PathBuf),
}

/// A directory that is kept.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The directory above it, and its name there.
    parent: OwnedFd,
    name: &'static str,
    handle: OwnedFd,
    /// The names of the files that are ours.
    ours: HashSet<String>,
}

/// What is in a directory at the start.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The names of our files.
    pub(super) ours: HashSet<String>,
    /// The leaders that files of others name.
    pub(super) leaders: Vec<String>,
}

impl Directory {
    /// Opens the directory of `place`, which is made if it is missing.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub(super) fn make(place: Place) -> Result<Self, DirectoryError> {
        make(CWD, ROOT, Path::new(ROOT))?;
        let parent = root()?;
        let name = place.directory();
        let path = Path::new(ROOT).join(name);
        if place == Place::Seats {
            make_marked(&parent, name, &path)?
        } else {
            make(&parent, name, &path)?
        }
        Self::open_in(parent, name)
    }

    /// Opens the directory of `place`.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub(super) fn open(place: Place) -> Result<Self, DirectoryError> {
        Self::open_in(root()?, place.directory())
    }

    fn open_in(parent: OwnedFd, name: &'static str) -> Result<Self, DirectoryError> {
        let path = Path::new(ROOT).join(name);
        let handle = roots_own(&parent, name, &path)?;
        Ok(Self { path, parent, name, handle, ours: HashSet::new() })
    }

    /// Looks at all files.
    ///
    /// # Errors
    /// [`DirectoryError::Read`]
    pub(super) fn look(&mut self) -> Result<Found, DirectoryError> {
        let failed = |source| DirectoryError::Read { path: self.path.clone(), source };
        let mut found = Found::default();
        let mut unfinished = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name.starts_with(NEW) {
                unfinished.push(name.to_owned());
            }
            // Names that begin with a dot are no sessions.
            let text = if name.starts_with('.') { None } else { self.text(name) };
            if let Some(text) = text {
                if text.starts_with(MARK) {
                    found.ours.insert(name.to_owned());
                } else {
                    let leader = text.lines().find_map(|line| line.strip_prefix("LEADER="));
                    found.leaders.extend(leader.map(str::to_owned));
                }
            }
        }
        // What a publisher has left that was killed.
        for name in unfinished {
            let _ = unlinkat(&self.handle, &name, AtFlags::empty());
        }
        self.ours.clone_from(&found.ours);
        Ok(found)
    }

    /// The beginning of a file. `None` if it is no regular file, or cannot be read.
    fn text(&self, name: &str) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = openat(&self.handle, name, flags, Mode::empty()).ok()?;
        let is_file = FileType::from_raw_mode(fstat(&file).ok()?.st_mode) == FileType::RegularFile;
        let mut piece = [0; FILE_SIZE];
        let length = if is_file { read(&file, &mut piece).ok()? } else { return None };
        Some(String::from_utf8_lossy(piece.get(..length)?).into_owned())
    }

    /// True if a file has this content, which is not too long to be compared.
    pub(super) fn has(&self, name: &str, content: &str) -> bool {
        content.len() < FILE_SIZE && self.text(name).is_some_and(|text| text == content)
    }

    /// Replaces a file of ours, or makes it.
    ///
    /// # Errors
    /// [`DirectoryError`]; then the file is as it was before.
    pub(super) fn put(&mut self, name: &str, content: &str) -> Result<(), DirectoryError> {
        let new = format!("{NEW}{name}");
        let done = self.write(&new, content).and_then(|()| self.replace(&new, name));
        if done.is_err() {
            // The error that was first is the one that counts.
            let _ = unlinkat(&self.handle, &new, AtFlags::empty());
        }
        done.map_err(|source| match source {
            Errno::EXIST => DirectoryError::Foreign(self.path.join(name)),
            source => DirectoryError::Write { path: self.path.join(name), source },
        })?;
        self.ours.insert(name.to_owned());
        Ok(())
    }

    /// Replaces the lines of a file of ours that begin with `key` by `line`, which may be empty.
    ///
    /// # Errors
    /// [`DirectoryError`]; then the file is as it was before.
    pub(super) fn replace_line(&mut self, name: &str, key: &str, line: &str) -> Result<(), DirectoryError> {
        let text = self.ours.contains(name).then(|| self.text(name)).flatten();
        let Some(text) = text.filter(|text| text.starts_with(MARK)) else { return Ok(()) };
        let rest: String = text.split_inclusive('\n').filter(|line| !line.starts_with(key)).collect();
        self.put(name, &(rest + line))
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.handle, name, flags, FILE_MODE)?;
        let mut rest = content.as_bytes();
        while !rest.is_empty() {
            let written = write(&file, rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    /// Gives a file its name. A file that is not ours is not replaced.
    fn replace(&self, new: &str, name: &str) -> Result<(), Errno> {
        // Another manager that was started since may have put its own there.
        if self.ours.contains(name) && self.text(name).is_none_or(|text| text.starts_with(MARK)) {
            return renameat(&self.handle, new, &self.handle, name);
        }
        match renameat_with(&self.handle, new, &self.handle, name, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) if self.text(name).is_some_and(|text| text.starts_with(MARK)) => {
                renameat(&self.handle, new, &self.handle, name)
            }
            done => done,
        }
    }

    /// Removes a file of ours.
    ///
    /// # Errors
    /// [`DirectoryError::Remove`]
    pub(super) fn remove(&mut self, name: &str) -> Result<(), DirectoryError> {
        if !self.ours.remove(name) || self.text(name).is_some_and(|text| !text.starts_with(MARK)) {
            return Ok(());
        }
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(source) => {
                self.ours.insert(name.to_owned());
                Err(DirectoryError::Remove { path: self.path.join(name), source })
            }
        }
    }

    /// Removes the directory if it is one that was made here, and nothing is in it.
    ///
    /// # Errors
    /// [`DirectoryError::Remove`]
    pub(super) fn remove_itself(&self) -> Result<(), DirectoryError> {
        let failed = |source| DirectoryError::Remove { path: self.path.clone(), source };
        let entries = Dir::read_from(&self.handle).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let names = entries.map_err(failed)?;
        let mut names = names
            .iter()
            .map(|entry| entry.file_name().to_bytes())
            .filter(|name| !matches!(*name, b"." | b".."));
        if !(names.next() == Some(OWN.as_bytes()) && names.next().is_none()) {
            return Ok(());
        }
        unlinkat(&self.handle, OWN, AtFlags::empty()).map_err(failed)?;
        match unlinkat(&self.parent, self.name, AtFlags::REMOVEDIR) {
            // Somebody else has begun to use it.
            Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
            Err(source) => Err(failed(source)),
        }
    }
}

/// The directory above all of them.
fn root() -> Result<OwnedFd, DirectoryError> {
    roots_own(CWD, ROOT, Path::new(ROOT))
}

/// Makes a directory, unless there is something of that name.
fn make(parent: impl AsFd, name: &str, path: &Path) -> Result<(), DirectoryError> {
    match mkdirat(parent, name, DIRECTORY_MODE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(source) => Err(DirectoryError::Make { path: path.to_owned(), source }),
    }
}

/// Makes a directory with the file in it that says so, unless there is something of that name.
fn make_marked(parent: &OwnedFd, name: &str, path: &Path) -> Result<(), DirectoryError> {
    let failed = |source| DirectoryError::Make { path: path.to_owned(), source };
    if accessat(parent, name, Access::EXISTS, AtFlags::empty()).is_ok() {
        return Ok(());
    }
    // With another name until the file is in it. One that an earlier publisher has left is as good.
    let new = format!("{NEW}{name}");
    make(parent, &new, path)?;
    let marked = format!("{new}/{OWN}");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, &marked, flags, FILE_MODE).map_err(failed)?;
    match renameat_with(parent, &new, parent, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Somebody else was quicker.
        Err(Errno::EXIST) => {
            let _ = unlinkat(parent, &marked, AtFlags::empty());
            unlinkat(parent, &new, AtFlags::REMOVEDIR).map_err(failed)
        }
        Err(source) => Err(failed(source)),
    }
}

/// Opens a directory of root's that nobody else can write to.
fn roots_own(parent: impl AsFd, name: &str, path: &Path) -> Result<OwnedFd, DirectoryError> {
    let failed = |source| match source {
        Errno::NOENT => DirectoryError::Absent(path.to_owned()),
        source => DirectoryError::Open { path: path.to_owned(), source },
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let handle = openat(&parent, name, flags, Mode::empty()).map_err(failed)?;
    let stat = fstat(&handle).map_err(failed)?;
    if stat.st_uid == 0 && stat.st_mode & 0o022 == 0 {
        Ok(handle)
    } else {
        Err(DirectoryError::NotRoots(path.to_owned()))
    }
}
