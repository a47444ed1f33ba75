//! The history file, and the rotated file before it.
//!
//! Other programs may rename, replace or truncate the file at any time, as logrotate(8) does. Therefore each write
//! first checks whether the open file still has its name, how long it is, and whether its last line is complete.

use super::{
    event_time::EventTime,
    line::{self, VERSION},
    tail,
};
use crate::{
    config::HistoryPlace,
    places::directory::{DirectoryError, make},
};
use nix::libc::{O_NOFOLLOW, O_NONBLOCK};
use rustix::{
    fs::{FlockOperation, Gid, Mode, fchmod, fchown, fcntl_lock},
    io::Errno,
};
use std::{
    borrow::Cow,
    ffi::OsString,
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// How often the file may be replaced while it is being opened.
const TRIES: usize = 8;

/// Why a line could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("cannot keep the history: {0}")]
    Directory(#[from] DirectoryError),
    #[error("cannot open {}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{} is not a regular file: remove it", .0.display())]
    NotRegular(PathBuf),
    #[error("cannot lock {}: {source}", path.display())]
    Lock { path: PathBuf, source: Errno },
    #[error("cannot inspect {}: {source}", path.display())]
    Inspect { path: PathBuf, source: io::Error },
    #[error("{} is replaced again and again", .0.display())]
    Unstable(PathBuf),
    #[error("cannot rotate {}: {source}", path.display())]
    Rotate { path: PathBuf, source: io::Error },
    #[error("cannot write to {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// The history file, open or not.
#[derive(Debug)]
pub(super) struct HistoryFile {
    place: HistoryPlace,
    boot: String,
    /// True if the file contains the start of this boot.
    has_boot: bool,
    file: Option<File>,
}

impl HistoryFile {
    pub(super) fn new(place: HistoryPlace, boot: String) -> Self {
        Self { place, boot, has_boot: false, file: None }
    }

    /// Opens the file. Adds the start of the system, unless the file contains it.
    pub(super) fn open(&mut self) -> Result<(), FileError> {
        self.ready().map(drop)
    }

    /// Appends a line, in one write.
    pub(super) fn append(&mut self, line: &str) -> Result<(), FileError> {
        let appended = self.ready().and_then(|length| self.write(line, length));
        if appended.is_err() {
            // The next line opens the file again, because the cause may be gone by then.
            self.file = None;
        }
        appended
    }

    /// Opens the file that has the name now. Returns its length.
    fn ready(&mut self) -> Result<u64, FileError> {
        for _ in 0..TRIES {
            match self.inspect()? {
                Some(found) if self.has_boot => return Ok(found.len()),
                Some(found) => self.begin(found.len())?,
                None => self.reopen()?,
            }
        }
        Err(FileError::Unstable(self.place.file.clone()))
    }

    /// The metadata of the open file. `None` if the name belongs to another file, or to none.
    fn inspect(&self) -> Result<Option<Metadata>, FileError> {
        let Some(file) = &self.file else { return Ok(None) };
        let failed = |source| FileError::Inspect { path: self.place.file.clone(), source };
        let open = file.metadata().map_err(failed)?;
        // Opening the file reports why there is none.
        let named = fs::symlink_metadata(&self.place.file).ok();
        let is_named = named.is_some_and(|named| (named.dev(), named.ino()) == (open.dev(), open.ino()));
        Ok(is_named.then_some(open))
    }

    /// Opens the file that has the name now, and waits until no other process writes it: the writer of a broker that
    /// was killed may have some lines left. The lock is one of fcntl(2), because that requires write permission. With
    /// flock(2), users who can read the file could lock it.
    fn reopen(&mut self) -> Result<(), FileError> {
        let path = &self.place.file;
        self.file = None;
        make(path.parent().unwrap_or(Path::new("/")), 0o755)?;
        let mut options = OpenOptions::new();
        // The open must not wait for a reader if it is a pipe.
        let flags = O_NOFOLLOW | O_NONBLOCK;
        let options = options.read(true).append(true).create(true).mode(self.place.readers.mode());
        let file = options.custom_flags(flags).open(path);
        let file = file.map_err(|source| FileError::Open { path: path.clone(), source })?;
        if !file.metadata().is_ok_and(|found| found.is_file()) {
            return Err(FileError::NotRegular(path.clone()));
        }
        // This must not wait for a process that holds the lock.
        self.set_permissions(&file);
        let failed = |source| FileError::Lock { path: path.clone(), source };
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::AGAIN | Errno::ACCESS) => {
                log::warn!("{}: another process has locked it; waiting for that process", path.display());
                fcntl_lock(&file, FlockOperation::LockExclusive).map_err(failed)?;
            }
            locked => locked.map_err(failed)?,
        }
        self.file = Some(file);
        Ok(())
    }

    /// Sets the permissions of the file, and of the file before it.
    fn set_permissions(&self, file: &File) {
        let path = &self.place.file;
        let mut options = OpenOptions::new();
        let before = options.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(before(path)).ok();
        let before = before.filter(|before| before.metadata().is_ok_and(|found| found.is_file()));
        for file in before.iter().chain([file]) {
            if let Err(error) = self.place.readers.apply(file) {
                log::error!("{}: cannot change who may read it: {error}", path.display());
            }
        }
    }

    /// Adds the start of the system, unless the last line is of this boot. If the file is empty, the last line of the
    /// file before it counts.
    fn begin(&mut self, length: u64) -> Result<(), FileError> {
        let before = File::open(before(&self.place.file)).and_then(|file| last_boot(&file)).ok().flatten();
        let last = self.file.as_ref().map(last_boot).transpose().map_err(self.failed())?.flatten();
        if last.or(before).as_deref() != Some(&self.boot) {
            let line = line::begin(EventTime::of_boot(), &self.boot, "system_started");
            let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
            self.write(&line::end(line.text_within("kernel", &kernel, VERSION)), length)?;
        }
        self.has_boot = true;
        Ok(())
    }

    /// Appends a line to the `length` bytes of the file. Rotates the file first if it would become too long.
    fn write(&mut self, line: &str, length: u64) -> Result<(), FileError> {
        let is_torn = self.file.as_ref().map(|file| tail::is_torn(file, length)).transpose();
        let is_torn = is_torn.map_err(self.failed())?.unwrap_or_default();
        // An incomplete line stays, on a line of its own.
        let text = if is_torn { Cow::Owned(format!("\n{line}")) } else { Cow::Borrowed(line) };
        let more = u64::try_from(text.len()).unwrap_or(u64::MAX);
        if length > 0 && length.saturating_add(more) > self.place.size {
            self.rotate()?;
        }
        let Some(file) = &mut self.file else { return Err(FileError::Unstable(self.place.file.clone())) };
        match file.write(text.as_bytes()) {
            Ok(written) if written == text.len() => Ok(()),
            // Only a part of the line was written.
            Ok(_) => Err(self.failed()(Errno::NOSPC.into())),
            Err(source) => Err(self.failed()(source)),
        }
    }

    fn failed(&self) -> impl Fn(io::Error) -> FileError + use<> {
        let path = self.place.file.clone();
        move |source| FileError::Write { path: path.clone(), source }
    }

    /// Rotates the file. The new file gets the permissions of the old one.
    fn rotate(&mut self) -> Result<(), FileError> {
        let path = self.place.file.clone();
        let old = self.file.as_ref().map(File::metadata).transpose().map_err(self.failed())?;
        fs::rename(&path, before(&path)).map_err(|source| FileError::Rotate { path, source })?;
        self.reopen()?;
        if let (Some(old), Some(file)) = (old, &self.file) {
            // On an error, the new file keeps the default mode and the group of root.
            let given = fchown(file, None, Some(Gid::from_raw(old.gid())));
            if let Err(errno) = given.and_then(|()| fchmod(file, Mode::from_raw_mode(old.mode() & 0o777))) {
                log::warn!(
                    "{}: cannot copy the permissions of the old file: {errno}",
                    self.place.file.display()
                );
            }
        }
        Ok(())
    }
}

/// The rotated file before `file`, with the name that logrotate(8) gives it.
fn before(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".1");
    name.into()
}

fn last_boot(file: &File) -> io::Result<Option<String>> {
    tail::boot(file, file.metadata()?.len())
}
