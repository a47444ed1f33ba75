//! One sweep over a tree: every name is tried once, and one that stays never stops the others.
//!
//! Iterative, with bounded descriptors and bounded memory for each level, and never out of the tree: see
//! [`crate::entry`] and [`crate::trail`]. A sweep goes over each directory once, so that its cost is
//! linear whatever stays; what a sweep leaves to the next is for [`crate::passes`].

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::Uid;
use rustix::io::Errno;

use crate::batch::Entry;
use crate::entry::{Fate, Rights, open_top, remove, remove_emptied};
use crate::mounts;
use crate::report::Leftovers;
use crate::seize::{seize, seize_in};
use crate::trail::{Child, Left, Trail};

/// Time between two signs of life.
const SIGN_EVERY: Duration = Duration::from_millis(50);

/// What a sweep has done and what it has found.
#[derive(Debug)]
pub(crate) struct Sweep {
    /// Names removed.
    pub(crate) removed: u64,
    /// Mounts detached.
    pub(crate) detached: u64,
    /// What cannot go, and why.
    pub(crate) leftovers: Leftovers,
    /// A directory was not empty when everything in it was gone, or was moved away: sweep again.
    pub(crate) unsettled: bool,
    /// The deadline has passed before the end.
    pub(crate) late: bool,
}

/// What a sweep is to do.
pub(crate) struct Order<'a> {
    /// The directory; it may be an O_PATH descriptor.
    pub(crate) top: BorrowedFd<'a>,
    /// Its path, for leftovers.
    pub(crate) path: &'a [u8],
    /// Whose it is, and what is in it, most likely.
    pub(crate) user: Uid,
    pub(crate) rights: Rights,
    /// When to end, if not before.
    pub(crate) deadline: Instant,
}

/// A sweep under way.
struct Walk<'a> {
    order: &'a Order<'a>,
    trail: Trail,
    sweep: Sweep,
    /// When the next sign of life is due.
    sign: Instant,
    progress: &'a mut dyn FnMut(u64) -> bool,
}

/// Empties a directory as far as the rights go; what stays goes into `leftovers`.
///
/// While it works, `progress` is told every [`SIGN_EVERY`] how many names are gone, and says whether to go on.
/// What root takes from its owner is given back if it stays, but for the top.
pub(crate) fn sweep(order: &Order<'_>, leftovers: Leftovers, progress: &mut dyn FnMut(u64) -> bool) -> Sweep {
    let mut sweep = Sweep { removed: 0, detached: 0, leftovers, unsettled: false, late: false };
    match open_top(order.top, order.rights) {
        Ok(top) => {
            if order.rights == Rights::Root {
                seize(top.as_fd());
            }
            let trail = Trail::new(top, order.rights);
            Walk { order, trail, sweep, sign: Instant::now() + SIGN_EVERY, progress }.run()
        }
        Err(errno) => {
            sweep.leftovers.add(errno, || order.path.to_vec());
            sweep
        }
    }
}

impl Walk<'_> {
    fn run(mut self) -> Sweep {
        while self.has_time() {
            match self.trail.next_name() {
                Ok(Some(next)) => self.visit(next),
                Ok(None) => {
                    if !self.go_up() {
                        return self.sweep;
                    }
                }
                Err(errno) => {
                    self.stays(None, errno);
                    if !self.go_up() {
                        return self.sweep;
                    }
                }
            }
        }
        self.sweep.late = true;
        if self.order.rights == Rights::Root {
            self.go_home();
        }
        self.sweep
    }

    /// Gives a sign of life when one is due; false when it is time to end.
    fn has_time(&mut self) -> bool {
        let now = Instant::now();
        if now >= self.sign {
            self.sign = now + SIGN_EVERY;
            if !(self.progress)(self.sweep.removed) {
                return false;
            }
        }
        now < self.order.deadline
    }

    /// Deals with one name in the current directory.
    fn visit(&mut self, entry: Entry) {
        let name = self.trail.name(entry);
        match remove(self.trail.directory(), name, entry.directory, self.order.rights) {
            // Nearly all end here, without a copy of the name.
            Fate::Removed => self.sweep.removed += 1,
            fate => self.overcome(name.to_owned(), entry.directory, fate),
        }
    }

    /// Goes on with what did not go at once, and goes down where that is what it takes.
    fn overcome(&mut self, name: CString, directory: bool, mut fate: Fate) {
        loop {
            match fate {
                Fate::Removed => return self.sweep.removed += 1,
                Fate::Absent => return,
                Fate::Directory(_) if self.trail.lift(&name) => return,
                Fate::Directory(directory) => return self.go_down(name, directory),
                Fate::Locked if self.trail.unlock() => {}
                Fate::Locked => return self.stays(Some(&name), Errno::ACCESS),
                // However many are stacked there.
                Fate::MountPoint if self.has_time() && self.detach(&name) => {}
                Fate::MountPoint => return self.stays(Some(&name), Errno::BUSY),
                Fate::Stuck(errno) => return self.stays(Some(&name), errno),
            }
            fate = remove(self.trail.directory(), &name, directory, self.order.rights);
        }
    }

    /// Enters a directory. Root takes it from its owner first; one that was moved away meanwhile is let be.
    fn go_down(&mut self, name: CString, directory: OwnedFd) {
        let original = match self.order.rights {
            Rights::Root => seize_in(self.trail.directory(), directory.as_fd(), self.order.user),
            Rights::User | Rights::Confined => Ok(None),
        };
        match original {
            Ok(original) => self.trail.descend(name, directory, original),
            Err(_) => self.sweep.unsettled = true,
        }
    }

    /// Takes the uppermost mount off `name`; the user cannot, and root not without CAP_SYS_ADMIN.
    fn detach(&mut self, name: &CString) -> bool {
        let detached =
            self.order.rights == Rights::Root && mounts::detach_at(self.trail.directory(), name).is_ok();
        self.sweep.detached += u64::from(detached);
        detached
    }

    /// Leaves the current directory and removes it, if nothing in it stays; false at the top.
    fn go_up(&mut self) -> bool {
        match self.trail.leave() {
            Left::Top => return false,
            Left::Lost => {
                self.sweep.unsettled = true;
                self.stays(None, Errno::STALE);
            }
            Left::Child(child) => self.remove_left(&child),
        }
        true
    }

    /// Removes the directory that was left, or gives it back.
    fn remove_left(&mut self, child: &Child) {
        let errno = match remove_emptied(self.trail.directory(), &child.name) {
            Ok(removed) => return self.sweep.removed += u64::from(removed),
            Err(errno) => errno,
        };
        child.give_back();
        match errno {
            // What stays in it has been named.
            Errno::NOTEMPTY | Errno::EXIST if child.keeps => self.trail.keep(),
            Errno::NOTEMPTY | Errno::EXIST => {
                self.sweep.unsettled = true;
                self.trail.keep();
            }
            errno => self.stays(Some(&child.name), errno),
        }
    }

    /// Goes back to the top, and gives back what was taken on the way.
    fn go_home(&mut self) {
        loop {
            match self.trail.leave() {
                Left::Top => return,
                Left::Lost => {}
                Left::Child(child) => child.give_back(),
            }
        }
    }

    /// Names what stays: `name` in the current directory, or that directory itself.
    fn stays(&mut self, name: Option<&CString>, errno: Errno) {
        let (trail, path) = (&self.trail, self.order.path);
        self.sweep.leftovers.add(errno, || trail.path(path, name.map(|name| name.as_c_str())));
        self.trail.keep();
    }
}
