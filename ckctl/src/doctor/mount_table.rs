//! The mounts of this mount namespace: proc_pid_mountinfo(5).

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

/// The fields before the optional ones, of which the fifth is the mount point.
const FIXED: usize = 6;
const MOUNT_POINT: usize = 4;

/// Whether the uppermost mount at `path` is shared. `None` if nothing is mounted there, or without /proc.
pub(super) fn is_shared(path: &Path) -> Option<bool> {
    shared(&fs::read("/proc/self/mountinfo").ok()?, path)
}

/// The last line with a mount point is that of the uppermost mount.
fn shared(table: &[u8], path: &Path) -> Option<bool> {
    let mut lines = table.split(|byte| *byte == b'\n').rev().map(|line| line.split(|byte| *byte == b' '));
    let fields = lines.find(|fields| {
        fields
            .clone()
            .nth(MOUNT_POINT)
            .is_some_and(|point| OsStr::from_bytes(&unescaped(point)) == path.as_os_str())
    })?;
    let mut optional = fields.skip(FIXED).take_while(|field| *field != b"-");
    Some(optional.any(|field| field.starts_with(b"shared:")))
}

/// A blank and the like are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), field);
    while let Some((first, after)) = rest.split_first() {
        let digits =
            after.get(..3).filter(|_| *first == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TABLE: &[u8] = b"22 1 0:20 / / rw - overlay o rw\n\
        30 22 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw\n\
        31 30 0:26 / /run/user rw shared:6 master:2 - tmpfs tmpfs rw\n\
        32 30 0:27 / /run/a\\040b rw - tmpfs shared:7 rw\n\
        33 31 0:28 / /run/user rw - tmpfs tmpfs rw\n";

    #[test]
    fn the_uppermost_mount_counts() {
        assert_eq!(shared(TABLE, Path::new("/run")), Some(true));
        assert_eq!(shared(TABLE, Path::new("/run/user")), Some(false));
        assert_eq!(shared(TABLE, Path::new("/run/a b")), Some(false));
        assert_eq!(shared(TABLE, Path::new("/home")), None);
    }

    proptest! {
        #[test]
        fn no_table_is_too_strange(table in proptest::collection::vec(any::<u8>(), 0..200)) {
            shared(&table, Path::new("/run/user"));
        }
    }
}
