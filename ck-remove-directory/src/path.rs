//! The way to a path: opened a component at a time, and trusted only where nobody but root can bend it.
//!
//! Every directory on the way must belong to root and be writable by root alone, or be sticky as
//! `/tmp` is (others may add names there, but not replace root's). A symlink is followed where only
//! root can have put it (owned by root, in a directory that only root writes), because `/var/run` is one
//! everywhere; any other is refused.

use std::collections::VecDeque;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2, readlinkat};
use rustix::io::Errno;

use crate::cause::Cause;
use crate::report::escape;
use crate::status::Status;

/// Symlinks followed on the way before we give up; the kernel's own limit (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Opens without reading, blocking or following: all that is wanted is a handle.
pub(crate) const HANDLE: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Where a directory's name is: the directory that holds it, and the last component.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) parent: OwnedFd,
    pub(crate) name: CString,
}

/// Why the way to a path is not to be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WayError {
    #[error("{0}: not an absolute path, give one that starts with /")]
    Relative(String),
    #[error("{0}: the root directory is never removed")]
    RootDirectory(String),
    #[error("{0}: a . or .. component, give the path without it")]
    Dots(String),
    #[error("{path}: cannot open {component} on the way")]
    Open { path: String, component: String, source: Cause },
    #[error("{path}: {component} on the way is not a directory")]
    NotDirectory { path: String, component: String },
    #[error("{path}: {component} on the way is a link that others than root can change, give the real path")]
    Link { path: String, component: String },
    #[error("{path}: {component} on the way can be changed by others than root, correct its owner and mode")]
    Writable { path: String, component: String },
    #[error("{0}: too many links on the way")]
    TooManyLinks(String),
    #[error("no such directory")]
    Missing,
}

/// Opens the directory that holds the last component of `path`.
pub(crate) fn open_parent(path: &Path) -> Result<Place, WayError> {
    let shown = escape(path.as_os_str().as_bytes());
    let (mut ahead, name) = components(path, &shown)?;
    let mut way = Way::from_root(shown)?;
    while let Some(component) = ahead.pop_front() {
        way.step(component, &mut ahead)?;
    }
    Ok(Place { parent: way.into_last()?, name })
}

/// The components of `path` before the last, and the last.
fn components(path: &Path, shown: &str) -> Result<(VecDeque<CString>, CString), WayError> {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.starts_with(b"/") {
        return Err(WayError::Relative(shown.to_owned()));
    }
    let mut parts = split(bytes);
    if parts.iter().any(|part| matches!(part.to_bytes(), b"." | b"..")) {
        return Err(WayError::Dots(shown.to_owned()));
    }
    match parts.pop_back() {
        Some(name) => Ok((parts, name)),
        None => Err(WayError::RootDirectory(shown.to_owned())),
    }
}

/// The non-empty components of a path or link target (neither has a NUL: both came from the kernel).
fn split(path: &[u8]) -> VecDeque<CString> {
    path.split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty())
        .filter_map(|part| CString::new(part).ok())
        .collect()
}

/// The directories opened so far, from the root on, each with its status.
struct Way {
    shown: String,
    opened: Vec<(OwnedFd, Status)>,
    links: usize,
}

impl Way {
    fn from_root(shown: String) -> Result<Self, WayError> {
        let mut way = Self { shown, opened: Vec::new(), links: 0 };
        let root = openat(CWD, c"/", HANDLE, Mode::empty()).map_err(|errno| way.cannot_open(b"/", errno))?;
        way.enter(root, b"/")?;
        Ok(way)
    }

    /// Takes one component; what a link says instead goes in front of the components `ahead`.
    fn step(&mut self, component: CString, ahead: &mut VecDeque<CString>) -> Result<(), WayError> {
        let bytes = component.to_bytes();
        match bytes {
            b"." => return Ok(()), // in a link's target only
            b".." => {
                self.opened.truncate(self.opened.len().saturating_sub(1).max(1));
                return Ok(());
            }
            _ => {}
        }
        let (parent, parent_status) = self.opened.last().ok_or(WayError::Missing)?;
        let fd = openat2(parent, &component, HANDLE, Mode::empty(), ResolveFlags::NO_MAGICLINKS)
            .map_err(|errno| self.cannot_open(bytes, errno))?;
        let status = Status::of(&fd).map_err(|errno| self.cannot_open(bytes, errno))?;
        if !status.is_symlink() {
            return self.enter_known(fd, status, bytes);
        }
        if !status.uid.is_root() || !parent_status.only_root_writes() {
            return Err(WayError::Link { path: self.shown.clone(), component: escape(bytes) });
        }
        self.follow(fd, bytes, ahead)
    }

    fn follow(&mut self, link: OwnedFd, name: &[u8], ahead: &mut VecDeque<CString>) -> Result<(), WayError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(WayError::TooManyLinks(self.shown.clone()));
        }
        let target = readlinkat(&link, c"", Vec::new()).map_err(|errno| self.cannot_open(name, errno))?;
        if target.to_bytes().starts_with(b"/") {
            self.opened.truncate(1);
        }
        for part in split(target.to_bytes()).into_iter().rev() {
            ahead.push_front(part);
        }
        Ok(())
    }

    fn enter(&mut self, fd: OwnedFd, name: &[u8]) -> Result<(), WayError> {
        let status = Status::of(&fd).map_err(|errno| self.cannot_open(name, errno))?;
        self.enter_known(fd, status, name)
    }

    fn enter_known(&mut self, fd: OwnedFd, status: Status, name: &[u8]) -> Result<(), WayError> {
        let (path, component) = (self.shown.clone(), escape(name));
        if !status.is_directory() {
            return Err(WayError::NotDirectory { path, component });
        }
        if !status.only_root_writes() && !status.is_roots_sticky() {
            return Err(WayError::Writable { path, component });
        }
        self.opened.push((fd, status));
        Ok(())
    }

    fn into_last(mut self) -> Result<OwnedFd, WayError> {
        self.opened.pop().map(|(fd, _)| fd).ok_or(WayError::Missing)
    }

    fn cannot_open(&self, component: &[u8], errno: Errno) -> WayError {
        match errno {
            Errno::NOENT => WayError::Missing,
            Errno::NOTDIR => {
                WayError::NotDirectory { path: self.shown.clone(), component: escape(component) }
            }
            errno => WayError::Open {
                path: self.shown.clone(),
                component: escape(component),
                source: Cause(errno),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &str) -> WayError {
        components(Path::new(path), path).expect_err(path)
    }

    #[test]
    fn only_plain_absolute_paths_have_a_way() {
        assert!(matches!(refused("run/user/1"), WayError::Relative(_)));
        assert!(matches!(refused("/"), WayError::RootDirectory(_)));
        assert!(matches!(refused("///"), WayError::RootDirectory(_)));
        for dots in ["/run/user/..", "/run/./user/1", "/run/user/1/..", "/.."] {
            assert!(matches!(refused(dots), WayError::Dots(_)), "{dots}");
        }
    }

    #[test]
    fn doubled_and_trailing_slashes_do_not_count() {
        let (ahead, name) = components(Path::new("//run//user/2001/"), "").unwrap();
        assert_eq!((ahead.len(), name.as_c_str()), (2, c"2001"));
    }
}
