//! The way from the top of the tree down to where the walk is, and back up.
//!
//! However deep the tree, at most [`MAX_OPEN`] directories of it are open: those further up are closed,
//! and opened again through `..` on the way back. What `..` leads to is believed only when it is the very
//! directory that was left: somebody may have moved the one below to another place meanwhile.

use std::ffi::{CStr, CString};
use std::mem::replace;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{RenameFlags, renameat_with};
use rustix::io::{self, Errno};
use rustix::process::getpid;

use crate::batch::{Batch, Entry, ReadBuffer, rewind_to};
use crate::entry::{Rights, open_above, unlock};
use crate::seize::Original;
use crate::status::{Identity, Status};

/// Directories that are open at the same time: the top, the current one, and the nearest above it.
const MAX_OPEN: usize = 32;

/// Directories above the current one that are open: those nearest to it, besides the top.
const NEAR: usize = MAX_OPEN - 2;

/// Names that [`Trail::lift`] tries, should some be taken.
const LIFT_TRIES: u32 = 8;

/// What is known of a directory on the trail.
#[derive(Debug, Default)]
struct Level {
    /// Its name in the directory above; empty for the top.
    name: CString,
    /// Names that were read and not yet looked at.
    batch: Batch,
    /// Where reading goes on after the last name that was looked at.
    after: u64,
    /// The batch was dropped, reading has to be set back.
    stale: bool,
    /// Something in it stays.
    keeps: bool,
    /// Its permissions were corrected, or could not be.
    unlocked: bool,
    /// What it was before root took it.
    original: Option<Original>,
}

/// A directory above the current one.
struct Above {
    directory: Result<OwnedFd, Option<Identity>>,
    level: Level,
}

/// The directories from the top to the current one.
pub(crate) struct Trail {
    above: Vec<Above>,
    directory: OwnedFd,
    level: Level,
    buffer: ReadBuffer,
    rights: Rights,
    /// Directories that were moved up to the top.
    lifts: u32,
    /// The top has names that may have come behind what was read of it.
    top_grew: bool,
}

/// Where [`Trail::leave`] has led.
pub(crate) enum Left {
    /// Out of the top: the walk is over.
    Top,
    /// To the directory above.
    Child(Child),
    /// Not to the directory above, which is no longer there, but to the nearest one still open.
    Lost,
}

/// A directory that was left.
pub(crate) struct Child {
    /// Its name in the directory above.
    pub(crate) name: CString,
    /// Something in it stays.
    pub(crate) keeps: bool,
    directory: OwnedFd,
    original: Option<Original>,
}

impl Child {
    /// Gives it back to whom root took it from, as it stays.
    pub(crate) fn give_back(&self) {
        if let Some(original) = self.original {
            // Who cannot give it back could not take it either.
            let _ = original.give_back(self.directory.as_fd());
        }
    }
}

impl Trail {
    /// A trail that begins and ends at `top`.
    pub(crate) fn new(top: OwnedFd, rights: Rights) -> Self {
        Self {
            above: Vec::new(),
            directory: top,
            level: Level::default(),
            buffer: ReadBuffer::new(),
            rights,
            lifts: 0,
            top_grew: false,
        }
    }

    /// The current directory.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Notes that something in the current directory stays.
    pub(crate) fn keep(&mut self) {
        self.level.keeps = true;
    }

    /// The name of `entry`, the last one of the current directory.
    pub(crate) fn name(&self, entry: Entry) -> &CStr {
        self.level.batch.name(entry)
    }

    /// The next name in the current directory; `None` at its end.
    pub(crate) fn next_name(&mut self) -> io::Result<Option<Entry>> {
        if replace(&mut self.level.stale, false) {
            // Where nothing stays the beginning is safe, and skips nothing: before Linux 6.6 a tmpfs counts
            // its names for d_off, and a count is wrong as soon as some are removed.
            rewind_to(self.directory.as_fd(), if self.level.keeps { self.level.after } else { 0 })?;
        }
        loop {
            if let Some(next) = self.level.batch.take() {
                self.level.after = next.after;
                return Ok(Some(next));
            }
            if !self.level.batch.fill(self.directory.as_fd(), &mut self.buffer)? {
                if !(self.above.is_empty() && replace(&mut self.top_grew, false)) {
                    return Ok(None);
                }
                rewind_to(self.directory.as_fd(), 0)?;
            }
        }
    }

    /// Goes down into `directory`, which is `name` in the current one, and was `original` if root has taken it.
    pub(crate) fn descend(&mut self, name: CString, directory: OwnedFd, original: Option<Original>) {
        let level = replace(&mut self.level, Level { name, original, ..Level::default() });
        let directory = replace(&mut self.directory, directory);
        self.above.push(Above { directory: Ok(directory), level });
        self.close_far();
    }

    /// Moves the directory `name` up to the top, where the walk meets it later; false where that is not done.
    ///
    /// Landlock follows the way from a directory up to the one that it allows, on every call: without this
    /// the cost of a deep tree is the square of its depth (a minute and more for 50,000 levels). And only
    /// Landlock makes it safe: it denies the move when the current directory is no longer below the top.
    pub(crate) fn lift(&mut self, name: &CStr) -> bool {
        if self.rights != Rights::Confined || self.above.len() < NEAR {
            return false;
        }
        let Some(Above { directory: Ok(top), .. }) = self.above.first() else { return false };
        for _ in 0..LIFT_TRIES {
            self.lifts += 1;
            let lifted = format!(".ck-lifted-{}-{}", getpid(), self.lifts);
            match renameat_with(&self.directory, name, top, lifted, RenameFlags::NOREPLACE) {
                Ok(()) => {
                    self.top_grew = true;
                    return true;
                }
                Err(Errno::EXIST) => {}
                Err(_) => return false,
            }
        }
        false
    }

    /// Goes up out of the current directory.
    pub(crate) fn leave(&mut self) -> Left {
        let Some(above) = self.above.pop() else { return Left::Top };
        let (directory, stale) = match above.directory {
            Ok(directory) => (directory, false),
            Err(identity) => match self.reopen(identity) {
                Ok(directory) => (directory, true),
                Err(_) => return self.give_up(),
            },
        };
        let child = replace(&mut self.level, above.level);
        let left = replace(&mut self.directory, directory);
        self.level.stale |= stale;
        let Level { name, keeps, original, .. } = child;
        Left::Child(Child { name, keeps, directory: left, original })
    }

    /// Corrects the permissions of the current directory, once; false when there is nothing to be gained.
    pub(crate) fn unlock(&mut self) -> bool {
        self.rights.are_users()
            && !replace(&mut self.level.unlocked, true)
            && unlock(self.directory()).is_ok()
    }

    /// The path of `name` in the current directory, or of that directory; `top` is the path of the top.
    pub(crate) fn path(&self, top: &[u8], name: Option<&CStr>) -> Vec<u8> {
        let mut path = top.to_vec();
        let levels = self.above.iter().map(|above| &above.level).chain([&self.level]);
        for part in levels.skip(1).map(|level| level.name.as_c_str()).chain(name) {
            path.push(b'/');
            path.extend_from_slice(part.to_bytes());
        }
        path
    }

    /// Closes the directory that has become too far away; never the top.
    fn close_far(&mut self) {
        let Some(far) = self.above.len().checked_sub(NEAR + 1).filter(|&far| far > 0) else { return };
        if let Some(Above { directory, level }) = self.above.get_mut(far) {
            if let Ok(open) = directory {
                *directory = Err(Status::of(open).ok().map(|status| status.identity));
                level.batch = Batch::default();
            }
        }
    }

    /// Opens the directory above the current one, if it is still the one that was closed.
    fn reopen(&self, identity: Option<Identity>) -> io::Result<OwnedFd> {
        let above = match open_above(self.directory()) {
            Err(Errno::ACCESS) if self.rights.are_users() => {
                unlock(self.directory())?;
                open_above(self.directory())?
            }
            opened => opened?,
        };
        match identity == Some(Status::of(&above)?.identity) {
            true => Ok(above),
            false => Err(Errno::STALE),
        }
    }

    /// Goes up to the nearest directory that is open; the top always is.
    fn give_up(&mut self) -> Left {
        while let Some(above) = self.above.pop() {
            if let Ok(directory) = above.directory {
                self.directory = directory;
                self.level = above.level;
                return Left::Lost;
            }
        }
        Left::Top
    }
}
