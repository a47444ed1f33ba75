//! Small files in the private part of the state directory: written as a whole, and read up to a limit.

use ck_protocol::Uid;
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The maximum size of a file that contains a number or two, in bytes.
const MAX_LINE: usize = 64;
/// The first character of temporary files and of files that were set aside. No id begins with it.
pub(crate) const HIDDEN: char = '.';
/// The suffix of temporary files.
const HALF_MADE: &str = ".new";

/// Why a record could not be written, read or removed.
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

/// Replaces a file by rename(2), as a whole.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hidden = path.with_file_name(format!("{HIDDEN}{name}{HALF_MADE}"));
    write_new(&hidden, contents)
        .map_err(error("write", &hidden))
        .and_then(|()| fs::rename(&hidden, path).map_err(error("rename into place", path)))
        .inspect_err(|_| {
            // Removes the unfinished file; the caller receives the first error.
            let _ = fs::remove_file(&hidden);
        })
}

fn write_new(path: &Path, contents: &[u8]) -> io::Result<()> {
    io::Write::write_all(&mut create(path)?, contents)
}

/// Creates an empty file, or truncates an existing one.
pub(crate) fn create(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(error("remove", path)(source)),
        _ => Ok(()),
    }
}

/// The contents of a file with a number or two. `None` if it cannot be read.
pub(crate) fn read_line(path: &Path) -> Option<String> {
    String::from_utf8(read(path, MAX_LINE).ok()?).ok()
}

/// The contents of a file, but at most `limit + 1` bytes. [`Read::read_to_end`] would make two more system calls, and
/// at a start there is a file for each session.
pub(crate) fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut file = fs::File::open(path)?;
    let mut contents = vec![0; limit + 1];
    let mut length = 0;
    // read(2) of a file returns fewer bytes than requested only at its end.
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

/// The user whose record has this name.
pub(crate) fn uid_of(name: &str) -> Option<Uid> {
    let uid = name.parse::<u32>().ok().and_then(|number| Uid::try_from(number).ok());
    uid.filter(|uid| uid.to_string() == name)
}

/// True if a broker died while it wrote the file. Such a file was never part of the state.
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
        assert_eq!(read_line(&path).map(|line| line.len()), Some(MAX_LINE + 1));
        fs::remove_file(&path).unwrap();
    }
}
