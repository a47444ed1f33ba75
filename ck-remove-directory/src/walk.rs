//! The walk over the tree in one pass. It tries every name once, and a name that stays never stops the others.
//!
//! The walk is iterative, uses a bounded number of descriptors and bounded memory for each level, and never leaves
//! the tree: see [`crate::unlink`] and [`crate::directory_stack`]. It visits each directory once, so its cost is
//! linear whatever stays. What is left for another pass is decided in [`crate::passes`].

use crate::{
    batch::DirEntry,
    directory_stack::{DirectoryStack, Popped, PoppedDirectory},
    leftovers::Leftovers,
    mounts,
    open::{Rights, open_top},
    seize::{seize, seize_in},
    unlink::{Unlinked, remove, remove_emptied},
};
use rustix::{fs::Uid, io::Errno};
use std::{
    ffi::CString,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

/// The time between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// The result of a walk.
#[derive(Debug)]
pub(crate) struct WalkResult {
    /// The number of names removed.
    pub(crate) removed: u64,
    /// The number of mounts detached.
    pub(crate) detached: u64,
    /// What could not be removed, and why.
    pub(crate) leftovers: Leftovers,
    /// True if other processes changed the tree: a directory had new names after it was emptied, or was moved away.
    /// Another pass is needed.
    pub(crate) tree_changed: bool,
    /// True if the deadline passed before the end.
    pub(crate) timed_out: bool,
}

/// The tree to be emptied, and how.
pub(crate) struct WalkParameters<'a> {
    /// The directory. It may be an O_PATH descriptor.
    pub(crate) top: BorrowedFd<'a>,
    /// The path of the directory, for leftovers.
    pub(crate) path: &'a [u8],
    /// The user, to whom the directory and most of its contents belong.
    pub(crate) user: Uid,
    pub(crate) rights: Rights,
    /// The time at which the walk ends, if not before.
    pub(crate) deadline: Instant,
}

/// A walk in progress.
struct Walk<'a> {
    parameters: &'a WalkParameters<'a>,
    stack: DirectoryStack,
    result: WalkResult,
    /// The time of the next report of progress.
    next_progress: Instant,
    progress: &'a mut dyn FnMut(u64) -> bool,
}

/// Empties a directory as far as the rights permit. Adds what stays to `leftovers`.
///
/// Every [`PROGRESS_INTERVAL`], `progress` gets the number of names removed so far. It returns false to end the walk.
/// Every directory that root seizes and that stays is given back, except for the top.
pub(crate) fn empty(
    parameters: &WalkParameters<'_>,
    leftovers: Leftovers,
    progress: &mut dyn FnMut(u64) -> bool,
) -> WalkResult {
    let mut result = WalkResult { removed: 0, detached: 0, leftovers, tree_changed: false, timed_out: false };
    match open_top(parameters.top, parameters.rights) {
        Ok(top) => {
            if parameters.rights == Rights::Root {
                seize(top.as_fd());
            }
            let stack = DirectoryStack::new(top, parameters.rights);
            let next_progress = Instant::now() + PROGRESS_INTERVAL;
            Walk { parameters, stack, result, next_progress, progress }.run()
        }
        Err(errno) => {
            result.leftovers.add(errno, || parameters.path.to_vec());
            result
        }
    }
}

impl Walk<'_> {
    fn run(mut self) -> WalkResult {
        while self.has_time() {
            match self.stack.next_entry() {
                Ok(Some(entry)) => self.visit(entry),
                Ok(None) => {
                    if !self.ascend() {
                        return self.result;
                    }
                }
                Err(errno) => {
                    self.add_leftover(None, errno);
                    if !self.ascend() {
                        return self.result;
                    }
                }
            }
        }
        self.result.timed_out = true;
        if self.parameters.rights == Rights::Root {
            self.return_to_top();
        }
        self.result
    }

    /// Reports progress if a report is due. False if the walk must end.
    fn has_time(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.next_progress {
            self.next_progress = now + PROGRESS_INTERVAL;
            if !(self.progress)(self.result.removed) {
                return false;
            }
        }
        now < self.parameters.deadline
    }

    /// Removes one name in the current directory, or descends into it.
    fn visit(&mut self, entry: DirEntry) {
        let name = self.stack.name(entry);
        match remove(self.stack.directory(), name, entry.directory, self.parameters.rights) {
            // The usual case. The name is not copied.
            Unlinked::Removed => self.result.removed += 1,
            unlinked => self.handle_remaining(name.to_owned(), entry.directory, unlinked),
        }
    }

    /// Continues with a name that was not removed at once.
    fn handle_remaining(&mut self, name: CString, directory: bool, mut unlinked: Unlinked) {
        loop {
            match unlinked {
                Unlinked::Removed => return self.result.removed += 1,
                Unlinked::Absent => return,
                Unlinked::Directory(_) if self.stack.lift(&name) => return,
                Unlinked::Directory(directory) => return self.descend(name, directory),
                Unlinked::Denied if self.stack.add_permissions() => {}
                Unlinked::Denied => return self.add_leftover(Some(&name), Errno::ACCESS),
                // Any number of mounts may be stacked on the name.
                Unlinked::MountPoint if self.has_time() && self.detach(&name) => {}
                Unlinked::MountPoint => return self.add_leftover(Some(&name), Errno::BUSY),
                Unlinked::Failed(errno) => return self.add_leftover(Some(&name), errno),
            }
            unlinked = remove(self.stack.directory(), &name, directory, self.parameters.rights);
        }
    }

    /// Makes a directory the current one. Root seizes it first. A directory that was moved away meanwhile is left
    /// alone.
    fn descend(&mut self, name: CString, directory: OwnedFd) {
        let original = match self.parameters.rights {
            Rights::Root => seize_in(self.stack.directory(), directory.as_fd(), self.parameters.user),
            Rights::User | Rights::ConfinedUser => Ok(None),
        };
        match original {
            Ok(original) => self.stack.push(name, directory, original),
            Err(_) => self.result.tree_changed = true,
        }
    }

    /// Detaches the uppermost mount on `name`. The user cannot do this, and root cannot without CAP_SYS_ADMIN.
    fn detach(&mut self, name: &CString) -> bool {
        let detached =
            self.parameters.rights == Rights::Root && mounts::detach_at(self.stack.directory(), name).is_ok();
        self.result.detached += u64::from(detached);
        detached
    }

    /// Leaves the current directory, and removes it if nothing in it stays. False at the top.
    fn ascend(&mut self) -> bool {
        match self.stack.pop() {
            Popped::Top => return false,
            Popped::Lost => {
                self.result.tree_changed = true;
                self.add_leftover(None, Errno::STALE);
            }
            Popped::Directory(popped) => self.remove_popped(&popped),
        }
        true
    }

    /// Removes the directory that was left, or gives it back to its owner.
    fn remove_popped(&mut self, popped: &PoppedDirectory) {
        let errno = match remove_emptied(self.stack.directory(), &popped.name) {
            Ok(removed) => return self.result.removed += u64::from(removed),
            Err(errno) => errno,
        };
        popped.give_back();
        match errno {
            // The contents that stay are named already.
            Errno::NOTEMPTY | Errno::EXIST if popped.has_leftovers => self.stack.set_has_leftovers(),
            Errno::NOTEMPTY | Errno::EXIST => {
                self.result.tree_changed = true;
                self.stack.set_has_leftovers();
            }
            errno => self.add_leftover(Some(&popped.name), errno),
        }
    }

    /// Returns to the top, and gives every directory on the way back to its owner.
    fn return_to_top(&mut self) {
        loop {
            match self.stack.pop() {
                Popped::Top => return,
                Popped::Lost => {}
                Popped::Directory(popped) => popped.give_back(),
            }
        }
    }

    /// Adds a leftover: `name` in the current directory, or that directory itself.
    fn add_leftover(&mut self, name: Option<&CString>, errno: Errno) {
        let (stack, path) = (&self.stack, self.parameters.path);
        self.result.leftovers.add(errno, || stack.path(path, name.map(|name| name.as_c_str())));
        self.stack.set_has_leftovers();
    }
}
