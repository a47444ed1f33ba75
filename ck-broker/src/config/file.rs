//! Reads the text of a configuration file. The loop does this too, so nothing here may wait.

use rustix::{
    fs::{Mode, OFlags, open},
    process::geteuid,
};
use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The maximum size of a configuration file, in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Reads the file at `path`. It must be a regular file.
pub(super) fn read(path: &Path) -> io::Result<String> {
    // Without NONBLOCK, open(2) would wait for the writer of a fifo.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    // The configuration names programs that run as root, and users who may do what root may.
    if geteuid().is_root() && !is_roots(&found) {
        return Err(io::Error::other(
            "it must belong to root, and nobody else may write it: chown root, chmod go-w",
        ));
    }
    if found.len() > MAX_SIZE {
        return Err(io::Error::other(format!("it has more than {MAX_SIZE} bytes")));
    }
    let mut text = String::new();
    // The file may grow meanwhile.
    file.take(MAX_SIZE).read_to_string(&mut text)?;
    Ok(text)
}

/// True if only root can have written the file: as the owner, or through a group that is root's.
fn is_roots(found: &Metadata) -> bool {
    let by_group = found.mode() & 0o020 != 0 && found.gid() != 0;
    found.uid() == 0 && !by_group && found.mode() & 0o002 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    #[test]
    fn only_regular_files_of_some_size_are_read() {
        let path = env::temp_dir().join(format!("ck-broker-configuration-{}", process::id()));
        fs::write(&path, "[log]").unwrap();
        assert_eq!(read(&path).unwrap(), "[log]");
        File::options().write(true).open(&path).unwrap().set_len(MAX_SIZE + 1).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than"));
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for other in [&path, Path::new("/"), Path::new("/dev/zero")] {
            assert!(read(other).unwrap_err().to_string().contains("regular"), "{}", other.display());
        }
        fs::remove_file(&path).unwrap();
    }
}
