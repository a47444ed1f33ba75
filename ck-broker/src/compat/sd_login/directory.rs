//! One directory of files, as the publisher keeps it.
//!
//! Every user can read the directory, and so hold its lock as long as they like. Whoever changes it must be somebody for
//! whom nobody waits.

use super::packet::Place;
use ck_core::compat::sd_login::MARK;
use rustix::{
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, fstat, mkdirat, openat, renameat,
        renameat_with, unlinkat,
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
        make(ROOT.as_ref())?;
        make(&Path::new(ROOT).join(place.directory()))?;
        Self::open(place)
    }

    /// Opens the directory of `place`.
    ///
    /// # Errors
    /// [`DirectoryError`]
    pub(super) fn open(place: Place) -> Result<Self, DirectoryError> {
        let root = Path::new(ROOT);
        let parent = roots_own(CWD, root, root)?;
        let path = root.join(place.directory());
        let handle = roots_own(&parent, Path::new(place.directory()), &path)?;
        Ok(Self { path, handle, ours: HashSet::new() })
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
        let mut piece = [0; 4096];
        let length = if is_file { read(&file, &mut piece).ok()? } else { return None };
        Some(String::from_utf8_lossy(piece.get(..length)?).into_owned())
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
        if self.ours.contains(name) {
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
        if !self.ours.remove(name) {
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
}

/// Makes a directory, unless there is something of that name.
fn make(path: &Path) -> Result<(), DirectoryError> {
    match mkdirat(CWD, path, DIRECTORY_MODE) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(source) => Err(DirectoryError::Make { path: path.to_owned(), source }),
    }
}

/// Opens a directory of root's that nobody else can write to.
fn roots_own(parent: impl AsFd, name: &Path, path: &Path) -> Result<OwnedFd, DirectoryError> {
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
