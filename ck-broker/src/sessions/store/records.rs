//! The files, one by one.

use super::{
    Left, StoreError, error,
    format::{self, FormatError, RECORD},
};
use ck_core::model::SessionRecord;
use ck_protocol::{SessionId, Uid};
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The longest file that holds a number or two, in bytes.
const LINE: usize = 64;
/// The largest id that is believed. No broker comes that far; one that is above it, as only a damaged
/// file can name, would leave no ids to give away.
const LARGEST_ID: u64 = 1 << 53;
/// A file on its way into place, or out of it, begins with this; no id does.
const HIDDEN: char = '.';
/// One on its way into place ends with this.
const HALF_MADE: &str = ".new";

pub(super) fn write_session(dir: &Path, entry: &SessionRecord) -> Result<(), StoreError> {
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
pub(super) fn replace(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
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
    io::Write::write_all(&mut create(path)?, contents)
}

/// An empty file, whatever was there before.
pub(crate) fn create(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(error("remove", path)(source)),
        _ => Ok(()),
    }
}

pub(super) fn read_id(path: &Path) -> Option<SessionId> {
    read_line(path)?.trim().parse().ok().filter(|id: &SessionId| id.get() <= LARGEST_ID)
}

pub(crate) fn read_line(path: &Path) -> Option<String> {
    String::from_utf8(read(path, LINE).ok()?).ok()
}

/// What the file holds; of one that has more than `limit` bytes, so many and one more. Not by
/// [`Read::read_to_end`], which asks for the size and for the end besides: at a start, there is a file for each session.
pub(super) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let mut contents = vec![0; limit + 1];
    let mut length = 0;
    // A file gives all that it has at once; less than it was asked for is its end.
    while let Some(rest) = contents.get_mut(length..).filter(|rest| !rest.is_empty()) {
        let asked = rest.len();
        match file.read(rest) {
            Ok(count) => {
                length += count;
                if count < asked {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    contents.truncate(length);
    Ok(contents)
}

pub(crate) fn read_users(dir: &Path) -> Result<Vec<Uid>, StoreError> {
    let mut users = Vec::new();
    for name in names(dir)? {
        if is_half_made(&name) {
            remove(&dir.join(&name))?;
        }
        users.extend(uid_of(&name));
    }
    Ok(users)
}

/// Whose record it is, by its name.
pub(super) fn uid_of(name: &str) -> Option<Uid> {
    let uid = name.parse::<u32>().ok().and_then(|number| Uid::try_from(number).ok());
    uid.filter(|uid| uid.to_string() == name)
}

/// Whether a broker died while it wrote the file, so that it was never part of the state.
pub(super) fn is_half_made(name: &str) -> bool {
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
    #[error("no session has the id {0}")]
    Id(SessionId),
}

pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{HIDDEN}{name}.unreadable"));
    fs::rename(path, &aside).map_err(error("set aside", path))?;
    Ok(aside)
}

fn read_session(path: &Path, name: &str) -> Result<SessionRecord, Unreadable> {
    let record = read(path, RECORD).map_err(Unreadable::Read)?;
    let entry: SessionRecord = format::read(&record).map_err(Unreadable::Format)?;
    if entry.session.id.to_string() != name {
        return Err(Unreadable::Misnamed(entry.session.id));
    }
    if entry.session.id.get() > LARGEST_ID {
        return Err(Unreadable::Id(entry.session.id));
    }
    Ok(entry)
}

fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let read = || -> io::Result<Vec<String>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    read().map_err(error("list", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fuzz target `store` starts from: the files, each behind its length in two bytes.
    fn seed(name: &str) -> Vec<Vec<u8>> {
        let path = format!("{}/../tests/fuzz/seeds/store/{name}", env!("CARGO_MANIFEST_DIR"));
        let seed = fs::read(path).unwrap();
        let mut rest = &seed[..];
        std::iter::from_fn(|| {
            let (length, more) = rest.split_first_chunk()?;
            let (file, more) = more.split_at(u16::from_le_bytes(*length).into());
            rest = more;
            Some(file.to_vec())
        })
        .collect()
    }

    #[test]
    fn the_seeds_of_the_fuzz_target_can_be_read() {
        let files = seed("two-sessions");
        let ids = files[2..].iter().map(|record| format::read(record).unwrap().session.id.get());
        assert_eq!(ids.collect::<Vec<_>>(), [300, 301]);
        // One of each format.
        assert_eq!([files[2][0], files[3][0]], [1, 2]);
    }

    #[test]
    fn an_id_after_which_none_would_come_is_not_believed() {
        let dir = std::env::temp_dir().join(format!("ck-broker-largest-id-{}", std::process::id()));
        fs::create_dir(&dir).unwrap();
        let files = seed("largest-ids");
        fs::write(dir.join("18446744073709551615"), &files[2]).unwrap();
        let mut left = Left::default();
        read_sessions(&dir, &mut left).unwrap();
        assert!(left.sessions.is_empty());
        let why = left.unreadable[0].to_string();
        assert!(why.contains("no session has the id 18446744073709551615"), "{why}");
        let next_id = dir.join("next-id");
        fs::write(&next_id, &files[0]).unwrap();
        assert_eq!(read_id(&next_id), None);
        fs::write(&next_id, "65\n").unwrap();
        assert_eq!(read_id(&next_id), Some(SessionId::new(65)));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn no_more_of_a_file_is_read_than_it_may_have() {
        let path = std::env::temp_dir().join(format!("ck-broker-long-file-{}", std::process::id()));
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, RECORD).unwrap().len(), RECORD + 1);
        assert_eq!((read_line(&path).map(|line| line.len()), read_id(&path)), (Some(LINE + 1), None));
        fs::remove_file(&path).unwrap();
    }
}
