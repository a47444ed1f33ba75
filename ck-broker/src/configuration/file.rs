//! The text of a configuration file. The loop reads it too, so nothing in here waits for anybody.

use rustix::fs::{Mode, OFlags, open};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

/// The most that a configuration can be, in bytes.
const LARGEST: u64 = 1 << 20;

/// Reads the file at `path`, if it is one.
pub(super) fn read(path: &Path) -> io::Result<String> {
    // open(2) would wait for the writer of a fifo.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(open(path, flags, Mode::empty())?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other(format!("it has more than {LARGEST} bytes")));
    }
    let mut text = String::new();
    // It may grow meanwhile.
    file.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
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
        File::options().write(true).open(&path).unwrap().set_len(LARGEST + 1).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("more than"));
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for other in [&path, Path::new("/"), Path::new("/dev/zero")] {
            assert!(read(other).unwrap_err().to_string().contains("regular"), "{}", other.display());
        }
        fs::remove_file(&path).unwrap();
    }
}
