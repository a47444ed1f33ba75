//! Opening the directory that holds a path, where only root can have chosen the way to it.
//!
//! The path is opened one component at a time. Every directory on the way must belong to root, and be writable by
//! root alone or be sticky as `/tmp` is (others may add names there, but cannot replace root's). A symbolic link is
//! followed if only root can have put it there: it belongs to root, and lies in a directory that only root writes.
//! This is needed because `/var/run` is a link everywhere. Any other link is refused.

use crate::{
    attributes::Attributes,
    cause::Cause,
    resolve::{self, HANDLE},
    text::escape,
};
use rustix::{
    fs::{CWD, Mode, ResolveFlags, openat, readlinkat},
    io::Errno,
};
use std::{
    collections::VecDeque,
    ffi::CString,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

/// The number of symbolic links that are followed: the kernel's own limit (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The location of a directory: the directory that holds its name, and the name.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) parent: OwnedFd,
    pub(crate) name: CString,
}

/// Why a path is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PathError {
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
pub(crate) fn open_parent(path: &Path) -> Result<Location, PathError> {
    let shown = escape(path.as_os_str().as_bytes());
    let (mut ahead, name) = split_last(path, &shown)?;
    let mut ancestors = Ancestors::from_root(shown)?;
    while let Some(component) = ahead.pop_front() {
        ancestors.step(component, &mut ahead)?;
    }
    Ok(Location { parent: ancestors.into_last()?, name })
}

/// Splits `path` into the components before the last, and the last.
fn split_last(path: &Path, shown: &str) -> Result<(VecDeque<CString>, CString), PathError> {
    let bytes = path.as_os_str().as_bytes();
    if !bytes.starts_with(b"/") {
        return Err(PathError::Relative(shown.to_owned()));
    }
    let mut components = split(bytes);
    if components.iter().any(|component| matches!(component.to_bytes(), b"." | b"..")) {
        return Err(PathError::Dots(shown.to_owned()));
    }
    match components.pop_back() {
        Some(name) => Ok((components, name)),
        None => Err(PathError::RootDirectory(shown.to_owned())),
    }
}

/// The non-empty components of a path or of a link's target. Both came from the kernel, so neither has a NUL.
fn split(path: &[u8]) -> VecDeque<CString> {
    path.split(|&byte| byte == b'/')
        .filter(|component| !component.is_empty())
        .filter_map(|component| CString::new(component).ok())
        .collect()
}

/// The directories opened so far, from the root on, each with its attributes.
struct Ancestors {
    /// The whole path, for messages.
    shown: String,
    opened: Vec<(OwnedFd, Attributes)>,
    /// The number of links followed.
    links: usize,
}

impl Ancestors {
    fn from_root(shown: String) -> Result<Self, PathError> {
        let mut ancestors = Self { shown, opened: Vec::new(), links: 0 };
        let root =
            openat(CWD, c"/", HANDLE, Mode::empty()).map_err(|errno| ancestors.cannot_open(b"/", errno))?;
        let attributes = Attributes::of(&root).map_err(|errno| ancestors.cannot_open(b"/", errno))?;
        ancestors.push(root, attributes, b"/")?;
        Ok(ancestors)
    }

    /// Enters one component. If it is a link, the components of its target are put in front of those `ahead`.
    fn step(&mut self, component: CString, ahead: &mut VecDeque<CString>) -> Result<(), PathError> {
        let bytes = component.to_bytes();
        match bytes {
            b"." => return Ok(()), // only in the target of a link
            b".." => {
                self.opened.truncate(self.opened.len().saturating_sub(1).max(1));
                return Ok(());
            }
            _ => {}
        }
        let (parent, parent_attributes) = self.opened.last().ok_or(PathError::Missing)?;
        let fd = resolve::open(parent.as_fd(), &component, HANDLE, ResolveFlags::NO_MAGICLINKS)
            .map_err(|errno| self.cannot_open(bytes, errno))?;
        let attributes = Attributes::of(&fd).map_err(|errno| self.cannot_open(bytes, errno))?;
        if !attributes.is_symlink() {
            return self.push(fd, attributes, bytes);
        }
        if !attributes.uid.is_root() || !parent_attributes.only_root_writes() {
            return Err(PathError::Link { path: self.shown.clone(), component: escape(bytes) });
        }
        self.follow(fd, bytes, ahead)
    }

    fn follow(&mut self, link: OwnedFd, name: &[u8], ahead: &mut VecDeque<CString>) -> Result<(), PathError> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(PathError::TooManyLinks(self.shown.clone()));
        }
        let target = readlinkat(&link, c"", Vec::new()).map_err(|errno| self.cannot_open(name, errno))?;
        if target.to_bytes().starts_with(b"/") {
            self.opened.truncate(1);
        }
        for component in split(target.to_bytes()).into_iter().rev() {
            ahead.push_front(component);
        }
        Ok(())
    }

    fn push(&mut self, fd: OwnedFd, attributes: Attributes, name: &[u8]) -> Result<(), PathError> {
        let (path, component) = (self.shown.clone(), escape(name));
        if !attributes.is_directory() {
            return Err(PathError::NotDirectory { path, component });
        }
        if !attributes.only_root_writes() && !attributes.is_sticky_of_root() {
            return Err(PathError::Writable { path, component });
        }
        self.opened.push((fd, attributes));
        Ok(())
    }

    fn into_last(mut self) -> Result<OwnedFd, PathError> {
        self.opened.pop().map(|(fd, _)| fd).ok_or(PathError::Missing)
    }

    fn cannot_open(&self, component: &[u8], errno: Errno) -> PathError {
        match errno {
            Errno::NOENT => PathError::Missing,
            Errno::NOTDIR => {
                PathError::NotDirectory { path: self.shown.clone(), component: escape(component) }
            }
            errno => PathError::Open {
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

    fn refused(path: &str) -> PathError {
        split_last(Path::new(path), path).expect_err(path)
    }

    #[test]
    fn only_plain_absolute_paths_are_taken() {
        assert!(matches!(refused("run/user/1"), PathError::Relative(_)));
        assert!(matches!(refused("/"), PathError::RootDirectory(_)));
        assert!(matches!(refused("///"), PathError::RootDirectory(_)));
        for dots in ["/run/user/..", "/run/./user/1", "/run/user/1/..", "/.."] {
            assert!(matches!(refused(dots), PathError::Dots(_)), "{dots}");
        }
    }

    #[test]
    fn doubled_and_trailing_slashes_do_not_count() {
        let (ahead, name) = split_last(Path::new("//run//user/2001/"), "").unwrap();
        assert_eq!((ahead.len(), name.as_c_str()), (2, c"2001"));
    }
}
