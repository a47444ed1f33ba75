//! Who lingers, which outlives the system: `<uid>` each, in a directory that no reboot clears.
//!
//! A record is a line, `UID GID NAME`. One without its line feed was not written to the end.

use super::{StoreError, place, records};
use crate::registry::Lingerer;
use ck_protocol::{Gid, Text, Uid, UserName, limits};
use std::path::{Path, PathBuf};

/// The longest record, in bytes: two numbers and a name, and what is between.
const RECORD: usize = 2 * 10 + limits::USER_NAME + 3;

/// The directory.
#[derive(Debug)]
pub struct LingerDir(PathBuf);

/// A record that says nothing.
#[derive(Debug, thiserror::Error)]
#[error("holds no line of the form `UID GID NAME`")]
struct Unreadable;

impl LingerDir {
    /// The directory at `path`, which need not be there.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Who lingers, at most so many. A record that cannot be read is set aside, and what stands in the way of
    /// all of them is logged: nobody is kept from logging in by that.
    #[must_use]
    pub fn read(&self, most: usize) -> Vec<(Uid, Lingerer)> {
        match place::inspect(&self.0) {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(error) => {
                log::error!("nobody lingers: {error}");
                return Vec::new();
            }
        }
        let mut uids = records::read_users(&self.0).unwrap_or_else(|error| {
            log::error!("nobody lingers: {error}");
            Vec::new()
        });
        uids.sort_unstable();
        if uids.len() > most {
            log::error!("{}: {} users linger, of which {most} can", self.0.display(), uids.len());
        }
        uids.into_iter().take(most).filter_map(|uid| Some((uid, self.read_one(uid)?))).collect()
    }

    /// Writes down that the user lingers.
    ///
    /// # Errors
    /// [`LingerError`]
    pub fn write(&self, uid: Uid, lingerer: &Lingerer) -> Result<(), LingerError> {
        if let Some(parent) = self.0.parent() {
            place::make(parent, 0o755)?;
        }
        place::make(&self.0, 0o755)?;
        let line = format!("{uid} {} {}\n", lingerer.gid.get(), lingerer.name.as_str());
        Ok(records::replace(&self.file(uid), line.as_bytes())?)
    }

    /// Strikes out that the user lingers; one who does not needs none.
    ///
    /// # Errors
    /// [`StoreError`]
    pub fn remove(&self, uid: Uid) -> Result<(), StoreError> {
        records::remove(&self.file(uid))
    }

    fn file(&self, uid: Uid) -> PathBuf {
        self.0.join(uid.to_string())
    }

    fn read_one(&self, uid: Uid) -> Option<Lingerer> {
        let path = self.file(uid);
        let why: &dyn std::fmt::Display = match records::read(&path, RECORD) {
            Ok(record) => match parse(uid, &record) {
                Ok(lingerer) => return Some(lingerer),
                Err(Unreadable) => &Unreadable,
            },
            Err(error) => &error.to_string(),
        };
        match records::set_aside(&path) {
            Ok(aside) => log::error!("{}: {why}; set aside as {}", path.display(), aside.display()),
            Err(error) => log::error!("{}: {why}; {error}", path.display()),
        }
        None
    }
}

/// Why it is not written down that a user lingers.
#[derive(Debug, thiserror::Error)]
pub enum LingerError {
    /// There is no directory for it.
    #[error(transparent)]
    Place(#[from] place::PlaceError),
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn parse(uid: Uid, record: &[u8]) -> Result<Lingerer, Unreadable> {
    let line = std::str::from_utf8(record).ok().and_then(|text| text.strip_suffix('\n')).ok_or(Unreadable)?;
    let mut parts = line.splitn(3, ' ');
    let mut number = || parts.next().and_then(|part| part.parse::<u32>().ok()).ok_or(Unreadable);
    if number()? != uid.get() || uid == Uid::ROOT {
        return Err(Unreadable);
    }
    let gid = Gid::try_from(number()?).map_err(|_| Unreadable)?;
    let name: UserName = parts.next().and_then(|name| Text::new(name).ok()).ok_or(Unreadable)?;
    let is_name = !name.as_str().is_empty() && !name.as_str().chars().any(char::is_control);
    is_name.then_some(Lingerer { gid, name }).ok_or(Unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(record: &str) -> Option<(u32, String)> {
        let lingerer = parse(Uid::try_from(2001).unwrap(), record.as_bytes()).ok()?;
        Some((lingerer.gid.get(), lingerer.name.as_str().to_owned()))
    }

    #[test]
    fn a_record_is_read_whole_or_not_at_all() {
        let record = "2001 100 DOM\\alice of sales\n";
        assert_eq!(read(record), Some((100, "DOM\\alice of sales".to_owned())));
        for length in 0..record.len() {
            assert_eq!(read(&record[..length]), None, "{length} bytes");
        }
        let bad =
            ["2002 100 alice\n", "2001 4294967295 alice\n", "2001 -1 a\n", "2001 100 \n", "2001 100 a\nb\n"];
        for bad in bad {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
