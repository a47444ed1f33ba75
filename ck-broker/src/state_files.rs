//! Small files of root's in the private part of the state directory: written whole, and read within a limit.

use ck_protocol::Uid;
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The longest file that holds a number or two, in bytes.
const LINE: usize = 64;
/// A file on its way into place, or out of it, begins with this; no id does.
pub(crate) const HIDDEN: char = '.';
/// A file on its way into place ends with this.
const HALF_MADE: &str = ".new";

/// A record could not be written, read or removed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}: {source}", path.display())]
pub struct StoreError {
    operation: &'static str,
    path: PathBuf,
    source: io::Error,
}

pub(crate) fn error<'p>(operation: &'static str, path: &'p Path) -> impl Fn(io::Error) -> StoreError + 'p {
    move |source| StoreError { operation, path: path.to_owned(), source }
}

/// Puts a file in place, whole or not at all.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
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

/// The first line of a file of a number or two; `None` if it cannot be read.
pub(crate) fn read_line(path: &Path) -> Option<String> {
    String::from_utf8(read(path, LINE).ok()?).ok()
}

/// What the file holds; of one that has more than `limit` bytes, so many and one more. Not by
/// [`Read::read_to_end`], which asks for the size and for the end besides: at a start, there is a file for each session.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
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

/// The uids that name the files in `dir`. Half-made files are removed.
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
pub(crate) fn uid_of(name: &str) -> Option<Uid> {
    let uid = name.parse::<u32>().ok().and_then(|number| Uid::try_from(number).ok());
    uid.filter(|uid| uid.to_string() == name)
}

/// Whether a broker died while it wrote the file, so that it was never part of the state.
pub(crate) fn is_half_made(name: &str) -> bool {
    name.starts_with(HIDDEN) && name.ends_with(HALF_MADE)
}

/// The names in `dir`.
pub(crate) fn names(dir: &Path) -> Result<Vec<String>, StoreError> {
    let read = || -> io::Result<Vec<String>> {
        fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    };
    read().map_err(error("list", dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_of_a_file_is_read_than_it_may_have() {
        let path = std::env::temp_dir().join(format!("ck-broker-long-file-{}", std::process::id()));
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, 4096).unwrap().len(), 4097);
        assert_eq!(read_line(&path).map(|line| line.len()), Some(LINE + 1));
        fs::remove_file(&path).unwrap();
    }
}
