//! The address of the user's message bus: D-Bus, whose socket is `bus` in the runtime directory.

use ck_protocol::Uid;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, openat2, statx},
    io::Errno,
};
use std::fmt::Write as _;

/// The name of the socket in the runtime directory.
const SOCKET: &str = "bus";
/// How often the cache is asked. It does not answer for a missing name, and now and then not for another name either: `lookup`
/// has the numbers. A bus that is not seen costs a user nothing but the variable, as libraries look at its place themselves.
const TRIES: usize = 4;

/// The value of `DBUS_SESSION_BUS_ADDRESS` if the directory, whose path is `path`, has a socket of `uid` for it.
///
/// The user chooses what is at the name. So the name is looked up in the kernel's cache only, it is never followed to another
/// place or another file system, and what is there is asked nothing: a FUSE server would not have to answer.
pub(crate) fn address(directory: &OwnedFd, path: &str, uid: Uid) -> Option<String> {
    let socket = open(directory)?;
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC | AtFlags::NO_AUTOMOUNT;
    let found = statx(&socket, c"", flags, StatxFlags::TYPE | StatxFlags::UID).ok()?;
    let is_socket = FileType::from_raw_mode(found.stx_mode.into()) == FileType::Socket;
    (is_socket && found.stx_uid == uid.get())
        .then(|| format!("unix:path={}", escaped(&format!("{path}/{SOCKET}"))))
}

/// The file at the name, opened with `O_PATH`.
fn open(directory: &OwnedFd) -> Option<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::CACHED | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
    let ask = |_| openat2(directory, SOCKET, flags, Mode::empty(), resolve);
    (0..TRIES).map(ask).find(|answer| !matches!(answer, Err(Errno::AGAIN)))?.ok()
}

/// The path as a value in an address: the D-Bus specification has the bytes that need no escape.
fn escaped(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_/.\\*".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02x}");
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_end_an_address_is_escaped() {
        assert_eq!(escaped("/run/user/2001/bus"), "/run/user/2001/bus");
        assert_eq!(escaped("/r un/é,;=%/~"), "/r%20un/%c3%a9%2c%3b%3d%25/%7e");
    }
}
