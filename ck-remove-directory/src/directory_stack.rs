//! The stack of directories from the top of the tree down to the current one.
//!
//! However deep the tree is, at most [`MAX_OPEN`] of its directories are open. Directories further up are closed, and
//! opened again through `..` on the way back. The result of `..` is used only if it is the same directory that was
//! closed: another process may have moved the directory below it meanwhile.

use crate::{
    attributes::{Attributes, Identity},
    batch::{Batch, DirEntry, ReadBuffer, seek_to},
    open::{Rights, add_permissions, open_dotdot},
    seize::OriginalOwner,
};
use rustix::{
    fs::{RenameFlags, renameat_with},
    io::{self, Errno},
    process::getpid,
};
use std::{
    ffi::{CStr, CString},
    mem::replace,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// The number of directories that are open at the same time: the top, the current one, and the nearest ones above it.
const MAX_OPEN: usize = 32;

/// The number of directories above the current one that stay open, besides the top.
const MAX_OPEN_ABOVE: usize = MAX_OPEN - 2;

/// The number of names that [`DirectoryStack::lift`] tries, in case some exist already.
const LIFT_TRIES: u32 = 8;

/// The state of a directory on the stack.
#[derive(Debug, Default)]
struct Level {
    /// The name in the directory above; empty for the top.
    name: CString,
    /// Entries that were read and not yet visited.
    batch: Batch,
    /// The position after the last entry that was visited.
    next_position: u64,
    /// True if the batch was dropped, so that the reading position has to be set again.
    must_seek: bool,
    /// True if something in the directory stays.
    has_leftovers: bool,
    /// True if permissions were added, or could not be added.
    permissions_tried: bool,
    /// The original owner, if root has seized the directory.
    original: Option<OriginalOwner>,
}

/// A directory above the current one: open, or closed with its identity if that is known.
struct Above {
    directory: Result<OwnedFd, Option<Identity>>,
    level: Level,
}

/// The directories from the top to the current one.
pub(crate) struct DirectoryStack {
    above: Vec<Above>,
    directory: OwnedFd,
    level: Level,
    buffer: ReadBuffer,
    rights: Rights,
    /// The number of directories that were moved up to the top.
    lifts: u32,
    /// True if names were added to the top, possibly before its reading position.
    top_has_new_names: bool,
}

/// The result of [`DirectoryStack::pop`].
pub(crate) enum Popped {
    /// The current directory was the top: the pass is over.
    Top,
    /// The directory above is the current one now.
    Directory(PoppedDirectory),
    /// The directory above could not be found again. The nearest one that is still open is the current one now.
    Lost,
}

/// A directory that was taken off the stack.
pub(crate) struct PoppedDirectory {
    /// The name in the directory above.
    pub(crate) name: CString,
    /// True if something in the directory stays.
    pub(crate) has_leftovers: bool,
    directory: OwnedFd,
    original: Option<OriginalOwner>,
}

impl PoppedDirectory {
    /// Gives the directory, which stays, back to the owner that root has taken it from.
    pub(crate) fn give_back(&self) {
        if let Some(original) = self.original {
            // A process that cannot give it back could not seize it either.
            let _ = original.give_back(self.directory.as_fd());
        }
    }
}

impl DirectoryStack {
    /// A stack that holds only `top`.
    pub(crate) fn new(top: OwnedFd, rights: Rights) -> Self {
        Self {
            above: Vec::new(),
            directory: top,
            level: Level::default(),
            buffer: ReadBuffer::new(),
            rights,
            lifts: 0,
            top_has_new_names: false,
        }
    }

    /// The current directory.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Records that something in the current directory stays.
    pub(crate) fn set_has_leftovers(&mut self) {
        self.level.has_leftovers = true;
    }

    /// The name of `entry`, which must be the last entry of the current directory.
    pub(crate) fn name(&self, entry: DirEntry) -> &CStr {
        self.level.batch.name(entry)
    }

    /// The next entry of the current directory; `None` at its end.
    pub(crate) fn next_entry(&mut self) -> io::Result<Option<DirEntry>> {
        if replace(&mut self.level.must_seek, false) {
            // If nothing in the directory stays, reading again from the beginning skips no name. The stored position
            // might: before Linux 6.6, d_off on a tmpfs is a count of names, which is wrong as soon as some are
            // removed.
            let position = if self.level.has_leftovers { self.level.next_position } else { 0 };
            seek_to(self.directory.as_fd(), position)?;
        }
        loop {
            if let Some(entry) = self.level.batch.take() {
                self.level.next_position = entry.next_position;
                return Ok(Some(entry));
            }
            if !self.level.batch.fill(self.directory.as_fd(), &mut self.buffer)? {
                if !(self.above.is_empty() && replace(&mut self.top_has_new_names, false)) {
                    return Ok(None);
                }
                seek_to(self.directory.as_fd(), 0)?;
            }
        }
    }

    /// Makes `directory` the current one. It is `name` in the directory that was current. `original` is its original
    /// owner, if root has seized it.
    pub(crate) fn push(&mut self, name: CString, directory: OwnedFd, original: Option<OriginalOwner>) {
        let level = replace(&mut self.level, Level { name, original, ..Level::default() });
        let directory = replace(&mut self.directory, directory);
        self.above.push(Above { directory: Ok(directory), level });
        self.close_distant();
    }

    /// Moves the directory `name` up to the top, where the pass meets it later. False if it was not moved.
    ///
    /// On every call, Landlock walks from the directory up to the one that it allows. Without lifting, the cost of a
    /// deep tree is therefore quadratic in its depth (more than a minute for 50,000 levels). Only under Landlock is
    /// lifting safe: it denies the move if the current directory is no longer below the top.
    pub(crate) fn lift(&mut self, name: &CStr) -> bool {
        if self.rights != Rights::ConfinedUser || self.above.len() < MAX_OPEN_ABOVE {
            return false;
        }
        let Some(Above { directory: Ok(top), .. }) = self.above.first() else { return false };
        for _ in 0..LIFT_TRIES {
            self.lifts += 1;
            let lifted = format!(".ck-lifted-{}-{}", getpid(), self.lifts);
            match renameat_with(&self.directory, name, top, lifted, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    self.top_has_new_names = true;
                    return true;
                }
                Err(Errno::EXIST) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// Takes the current directory off the stack.
    pub(crate) fn pop(&mut self) -> Popped {
        let Some(above) = self.above.pop() else { return Popped::Top };
        let (directory, reopened) = match above.directory {
            Ok(directory) => (directory, false),
            Err(identity) => match self.reopen_above(identity) {
                Ok(directory) => (directory, true),
                Err(_) => return self.pop_to_open(),
            },
        };
        let level = replace(&mut self.level, above.level);
        let popped = replace(&mut self.directory, directory);
        self.level.must_seek |= reopened;
        let Level { name, has_leftovers, original, .. } = level;
        Popped::Directory(PoppedDirectory { name, has_leftovers, directory: popped, original })
    }

    /// Adds missing permissions to the current directory, once. False if nothing was added.
    pub(crate) fn add_permissions(&mut self) -> bool {
        self.rights.are_of_user()
            && !replace(&mut self.level.permissions_tried, true)
            && add_permissions(self.directory()).is_ok()
    }

    /// The path of `name` in the current directory, or of the current directory itself. `top` is the path of the top.
    pub(crate) fn path(&self, top: &[u8], name: Option<&CStr>) -> Vec<u8> {
        let mut path = top.to_vec();
        let levels = self.above.iter().map(|above| &above.level).chain([&self.level]);
        for component in levels.skip(1).map(|level| level.name.as_c_str()).chain(name) {
            path.push(b'/');
            path.extend_from_slice(component.to_bytes());
        }
        path
    }

    /// Closes the directory that is now too far above. The top is never closed.
    fn close_distant(&mut self) {
        let distant = self.above.len().checked_sub(MAX_OPEN_ABOVE + 1).filter(|&index| index > 0);
        let Some(distant) = distant else { return };
        if let Some(Above { directory, level }) = self.above.get_mut(distant) {
            if let Ok(open) = directory {
                *directory = Err(Attributes::of(open).ok().map(|attributes| attributes.identity));
                level.batch = Batch::default();
            }
        }
    }

    /// Opens the directory above the current one, if it is still the one that was closed.
    fn reopen_above(&self, identity: Option<Identity>) -> io::Result<OwnedFd> {
        let above = match open_dotdot(self.directory()) {
            Err(Errno::ACCESS) if self.rights.are_of_user() => {
                add_permissions(self.directory())?;
                open_dotdot(self.directory())?
            }
            opened => opened?,
        };
        match identity == Some(Attributes::of(&above)?.identity) {
            true => Ok(above),
            false => Err(Errno::STALE),
        }
    }

    /// Takes directories off the stack up to the nearest open one. The top is always open.
    fn pop_to_open(&mut self) -> Popped {
        while let Some(above) = self.above.pop() {
            if let Ok(directory) = above.directory {
                self.directory = directory;
                self.level = above.level;
                return Popped::Lost;
            }
        }
        Popped::Top
    }
}
