//! The files of the store: session records and `next-id`.

use super::{
    RecoveredState,
    format::{self, FormatError, MAX_RECORD_SIZE},
};
use crate::state_files::{HIDDEN, StoreError, error, is_half_made, names, read, read_line, remove, replace};
use ck_core::model::SessionRecord;
use ck_protocol::SessionId;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The largest valid id. No broker gets that far. Only a damaged file can contain a larger one, which would leave no
/// ids for new sessions.
const LARGEST_ID: u64 = 1 << 53;

pub(super) fn write_session(dir: &Path, entry: &SessionRecord) -> Result<(), StoreError> {
    let path = dir.join(entry.session.id.to_string());
    let mut buffer = [0; MAX_RECORD_SIZE];
    let record = format::write(entry, &mut buffer)
        .map_err(|e| error("encode the record", &path)(io::Error::other(e)))?;
    replace(&path, record)
}

pub(super) fn write_id(path: &Path, id: SessionId) -> Result<(), StoreError> {
    replace(path, id.to_string().as_bytes())
}

pub(super) fn read_id(path: &Path) -> Option<SessionId> {
    read_line(path)?.trim().parse().ok().filter(|id: &SessionId| id.get() <= LARGEST_ID)
}

/// Reads the session records. A record that cannot be read does not affect the others.
pub(super) fn read_sessions(dir: &Path, left: &mut RecoveredState) -> Result<(), StoreError> {
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

/// A record that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct UnreadableRecord {
    pub(super) path: PathBuf,
    why: RecordError,
}

/// Why a record could not be read.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error(transparent)]
    Format(FormatError),
    #[error("holds session {0}")]
    Misnamed(SessionId),
    #[error("{0} is not a valid session id")]
    Id(SessionId),
}

pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = path.with_file_name(format!("{HIDDEN}{name}.unreadable"));
    fs::rename(path, &aside).map_err(error("set aside", path))?;
    Ok(aside)
}

fn read_session(path: &Path, name: &str) -> Result<SessionRecord, RecordError> {
    let record = read(path, MAX_RECORD_SIZE).map_err(RecordError::Read)?;
    let entry: SessionRecord = format::read(&record).map_err(RecordError::Format)?;
    if entry.session.id.to_string() != name {
        return Err(RecordError::Misnamed(entry.session.id));
    }
    if entry.session.id.get() > LARGEST_ID {
        return Err(RecordError::Id(entry.session.id));
    }
    Ok(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the fuzz target `store` starts from: the files, each behind its length in two bytes.
    fn seed(name: &str) -> Vec<Vec<u8>> {
        let path = format!("{}tests/fuzz/seeds/store/{name}", env!("CK_ROOT"));
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
        let mut left = RecoveredState::default();
        read_sessions(&dir, &mut left).unwrap();
        assert!(left.sessions.is_empty());
        let why = left.unreadable[0].to_string();
        assert!(why.contains("18446744073709551615 is not a valid session id"), "{why}");
        let next_id = dir.join("next-id");
        fs::write(&next_id, &files[0]).unwrap();
        assert_eq!(read_id(&next_id), None);
        fs::write(&next_id, "65\n").unwrap();
        assert_eq!(read_id(&next_id), Some(SessionId::new(65)));
        fs::remove_dir_all(&dir).unwrap();
    }
}
