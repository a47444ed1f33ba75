//! The files, one by one.

use super::{
    Left, StoreError, error,
    format::{self, FormatError, RECORD},
};
use crate::{registry::Entry, runtime_dir::Device};
use ck_protocol::{SessionId, Uid};
use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// A file on its way into place, or out of it, begins with this; no id does.
const HIDDEN: char = '.';
/// One on its way into place ends with this.
const HALF_MADE: &str = ".new";

pub(super) fn write_session(dir: &Path, entry: &Entry) -> Result<(), StoreError> {
    let path = dir.join(entry.session.id.to_string());
    let mut buffer = [0; RECORD];
    let record = format::write(entry, &mut buffer)
        .map_err(|e| error("encode the record", &path)(io::Error::other(e)))?;
    replace(&path, record)
}

pub(super) fn write_id(path: &Path, id: SessionId) -> Result<(), StoreError> {
    replace(path, id.to_string().as_bytes())
}

/// Puts a file in place, whole or not at all.
fn replace(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = path.with_file_name(format!("{HIDDEN}{name}{HALF_MADE}"));
    write_new(&hidden, contents)
        .map_err(error("write", &hidden))
        .and_then(|()| fs::rename(&hidden, path).map_err(error("rename into place", path)))
        .inspect_err(|_| {
            // Nothing half-made: the error itself is what the caller hears about.
            let _ = fs::remove_file(&hidden);
        })
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, contents)
}

pub(super) fn touch(path: &Path) -> Result<(), StoreError> {
    write_new(path, b"").map_err(error("create", path))
}

pub(super) fn write_device(path: &Path, Device { major, minor }: Device) -> Result<(), StoreError> {
    replace(path, format!("{major}:{minor}\n").as_bytes())
}

/// `None` also for the empty file that [`touch`] makes.
pub(super) fn read_device(path: &Path) -> Option<Device> {
    let line = fs::read_to_string(path).ok()?;
    let (major, minor) = line.strip_suffix('\n')?.split_once(':')?;
    Some(Device { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

pub(super) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(error("remove", path)(source)),
        _ => Ok(()),
    }
}

pub(super) fn read_id(path: &Path) -> Option<SessionId> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

pub(super) fn read_users(dir: &Path) -> Result<Vec<Uid>, StoreError> {
    let mut users = Vec::new();
    for name in names(dir)? {
        if is_half_made(&name) {
            remove(&dir.join(&name))?;
        }
        users.extend(name.parse::<u32>().ok().and_then(|number| Uid::try_from(number).ok()));
    }
    Ok(users)
}

/// Whether a broker died while it wrote the file, so that it was never part of the state.
fn is_half_made(name: &str) -> bool {
    name.starts_with(HIDDEN) && name.ends_with(HALF_MADE)
}

/// Reads the session records; one that cannot be read costs no other.
pub(super) fn read_sessions(dir: &Path, left: &mut Left) -> Result<(), StoreError> {
    for name in names(dir)? {
        let path = dir.join(&name);
        if name.starts_with(HIDDEN) {
            if is_half_made(&name) {
                remove(&path)?;
            }
            continue;
        }
        match read_session(&path, &name) {
            Ok(entry) => left.sessions.push(entry),
            Err(why) => left.unreadable.push(UnreadableRecord { path, why }),
        }
    }
    Ok(())
}

/// A record that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct UnreadableRecord {
    pub(super) path: PathBuf,
    why: Unreadable,
}

/// Why it is.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error(transparent)]
    Format(FormatError),
    #[error("holds session {0}")]
    Misnamed(SessionId),
}

pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{HIDDEN}{name}.unreadable"));
    fs::rename(path, &aside).map_err(error("set aside", path))?;
    Ok(aside)
}

fn read_session(path: &Path, name: &str) -> Result<Entry, Unreadable> {
    let record = fs::read(path).map_err(Unreadable::Read)?;
    let entry: Entry = format::read(&record).map_err(Unreadable::Format)?;
    if entry.session.id.to_string() != name {
        return Err(Unreadable::Misnamed(entry.session.id));
    }
    Ok(entry)
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let read = || -> io::Result<Vec<String>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    read().map_err(error("list", dir))
}
