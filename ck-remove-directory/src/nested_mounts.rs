//! Detaching what is mounted in the directory, as the kernel lists it, before any pass.
//!
//! Only mounts on the file system of the directory itself are looked up by name. Mounts on top of these, or inside
//! them, are detached by the same call (MNT_DETACH detaches a mount with everything mounted below it). The paths to
//! them lead through file systems that may never answer.

use crate::{
    mounts::detach,
    resolve::{self, BENEATH, HANDLE, INSIDE, mount_id, proc_path},
};
use rustix::{
    fs::{CWD, OFlags, readlinkat},
    io::{self, Errno},
};
use std::{
    ffi::CString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// The kernel's list of the mounts in this mount namespace (proc_pid_mountinfo(5)).
const MOUNT_TABLE: &str = "/proc/self/mountinfo";

/// A line of the mount table.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    id: u64,
    parent: u64,
    /// The mount point, as a path from the root of this process.
    point: Vec<u8>,
}

/// Detaches what is mounted beneath `directory`, deepest first. Returns how many mounts are gone.
///
/// The mounted file systems are never touched. Failures do not matter: this saves time and order, and the pass of
/// root meets every remaining mount again. If the mount of `directory` is itself detached already, the table lists
/// neither it nor anything beneath it.
pub(crate) fn detach_all(directory: BorrowedFd<'_>) -> u64 {
    find_and_detach(directory).unwrap_or(0)
}

fn find_and_detach(directory: BorrowedFd<'_>) -> io::Result<u64> {
    let table = parse(&std::fs::read(MOUNT_TABLE).map_err(|_| Errno::NOENT)?);
    let own = mount_id(directory)?;
    let top = readlinkat(CWD, proc_path(directory), Vec::new())?;
    let mut beneath: Vec<(&Mount, &[u8])> = table
        .iter()
        .filter(|mount| mount.parent == own)
        .filter_map(|mount| Some((mount, mount.point.strip_prefix(top.to_bytes())?.strip_prefix(b"/")?)))
        .collect();
    beneath.sort_by_key(|(_, path)| std::cmp::Reverse(path.iter().filter(|&&byte| byte == b'/').count()));
    Ok(beneath.into_iter().map(|(mount, path)| detach_stack(directory, mount, path, &table)).sum())
}

/// Detaches `mount` and what is stacked on it. `path` leads from `directory` to it.
fn detach_stack(directory: BorrowedFd<'_>, mount: &Mount, path: &[u8], table: &[Mount]) -> u64 {
    let mut expected = subtree(mount.id, table);
    let mut detached = 0;
    while let Ok((uppermost, id)) = open_mounted(directory, path) {
        // The user can rename directories on the path. It then leads to a mount that is not in the list.
        if !expected.contains(&id) || detach(uppermost.as_fd()).is_err() {
            break;
        }
        let gone = subtree(id, table);
        detached += gone.iter().filter(|id| expected.contains(id)).count();
        expected.retain(|id| !gone.contains(id));
        if id == mount.id {
            break;
        }
    }
    u64::try_from(detached).unwrap_or(u64::MAX)
}

/// The ids of the mount `id`, of the mounts on it, of the mounts on those, and so on.
fn subtree(id: u64, table: &[Mount]) -> Vec<u64> {
    let mut ids = vec![id];
    let mut next = 0;
    while let Some(&parent) = ids.get(next) {
        let children = table.iter().filter(|mount| mount.parent == parent && !ids.contains(&mount.id));
        let children: Vec<u64> = children.map(|mount| mount.id).collect();
        ids.extend(children);
        next += 1;
    }
    ids
}

/// Opens the root of the uppermost mount at `path`. Returns it with the id of that mount.
///
/// All components but the last stay on the file system of the directory. Only the last step enters the mount. It
/// takes a handle to the root, which asks nothing of the mounted file system.
fn open_mounted(directory: BorrowedFd<'_>, path: &[u8]) -> io::Result<(OwnedFd, u64)> {
    let slash = path.iter().rposition(|&byte| byte == b'/');
    let (parent, name) = match slash.map(|slash| path.split_at(slash)) {
        Some((parent, name)) => (parent, name.strip_prefix(b"/").unwrap_or(name)),
        None => (b".".as_slice(), path),
    };
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    let parent = CString::new(parent).map_err(|_| Errno::INVAL)?;
    let parent = resolve::open(directory, &parent, HANDLE | OFlags::DIRECTORY, INSIDE)?;
    let root = resolve::open(parent.as_fd(), &name, HANDLE, BENEATH)?;
    let id = mount_id(root.as_fd())?;
    Ok((root, id))
}

/// Parses a mount table. Lines that are not understood are left out.
fn parse(table: &[u8]) -> Vec<Mount> {
    table.split(|&byte| byte == b'\n').filter_map(parse_line).collect()
}

/// Parses `36 35 98:0 /root /mount/point rw ...`.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse().ok();
    let (id, parent) = (number()?, number()?);
    Some(Mount { id, parent, point: unescape(fields.nth(2)?) })
}

/// Undoes the escapes of the table: `\040` for a space, and so on.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = parse_escape(rest).unwrap_or((first, after));
        bytes.push(byte);
        rest = after;
    }
    bytes
}

/// The byte of an escape, and what follows the escape.
fn parse_escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, after) = text.strip_prefix(b"\\")?.split_first_chunk::<3>()?;
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?;
    Some((byte, after))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_table_makes_parsing_panic(table in "([0-9]{0,3}[ \\\\:/a-z\n]{0,4}){0,40}") {
            parse(table.as_bytes());
        }

        /// A user chooses the names. The kernel escapes what would end a field or a line (seq_path(), `" \t\n\\"`).
        #[test]
        fn every_name_is_read_as_it_is(name in proptest::collection::vec(1_u8.., 1..40)) {
            let escaped: Vec<u8> = name.iter().flat_map(|&byte| match byte {
                b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
                _ => vec![byte],
            }).collect();
            let line = [b"36 35 98:0 / ", &escaped[..], b" rw - ext4 /dev/x rw"].concat();
            prop_assert_eq!(parse(&line), [Mount { id: 36, parent: 35, point: name }]);
        }
    }

    #[test]
    fn a_table_is_read_with_its_escapes() {
        let table = b"36 35 98:0 / /run/user/2001 rw shared:1 - tmpfs tmpfs rw\n\
                      \n37 nonsense\n\
                      40 36 0:5 /x /run/user/2001/a\\040b\\134\\012\xff rw - ext4 /dev/x rw\n";
        let mounts = parse(table);
        assert_eq!(mounts.len(), 2);
        assert_eq!(mounts[0], Mount { id: 36, parent: 35, point: b"/run/user/2001".to_vec() });
        assert_eq!(mounts[1], Mount { id: 40, parent: 36, point: b"/run/user/2001/a b\\\n\xff".to_vec() });
    }

    #[test]
    fn an_invalid_escape_is_kept() {
        assert_eq!(unescape(b"a\\9\\04"), b"a\\9\\04");
        assert_eq!(unescape(b"\\777"), b"\\777", "no byte");
    }

    #[test]
    fn a_subtree_is_all_that_is_mounted_on_a_mount() {
        let mount = |id, parent| Mount { id, parent, point: Vec::new() };
        let table = [mount(2, 1), mount(3, 2), mount(4, 3), mount(5, 1), mount(1, 1)];
        assert_eq!(subtree(2, &table), [2, 3, 4]);
        assert_eq!(subtree(1, &table).len(), 5, "a mount that is its own parent ends it too");
    }
}
