//! One sweep over a tree: every name is tried once, and one that stays never stops the others.
//!
//! Iterative, with bounded descriptors and bounded memory for each level, and never out of the tree: see
//! [`crate::entry`] and [`crate::trail`]. A sweep goes over each directory once, so that its cost is
//! linear whatever stays; what a sweep leaves to the next is for [`crate::passes`].

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::io::Errno;

use crate::batch::Entry;
use crate::entry::{Fate, Rights, open_top, remove, remove_emptied};
use crate::mounts;
use crate::report::Leftovers;
use crate::seize::{seize, seize_in};
use crate::trail::{Left, Trail};

/// Mounts that are taken off one name before it counts as stuck.
const MAX_STACKED_MOUNTS: usize = 128;

/// Names between two looks at the clock.
const CLOCK_EVERY: u32 = 64;

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

/// A sweep under way.
struct Walk<'a> {
    trail: Trail,
    rights: Rights,
    /// The top's path, for leftovers.
    path: &'a [u8],
    sweep: Sweep,
    progress: &'a mut dyn FnMut(u64),
}

/// Empties the directory `top` (which may be an O_PATH descriptor) as far as `rights` go.
///
/// `path` is its name for the leftovers, which go into `leftovers`. Ends at `deadline` if not before.
/// `progress` is told each time how many names are gone.
pub(crate) fn sweep(
    top: BorrowedFd<'_>,
    path: &[u8],
    rights: Rights,
    deadline: Instant,
    leftovers: Leftovers,
    progress: &mut dyn FnMut(u64),
) -> Sweep {
    let mut sweep = Sweep { removed: 0, detached: 0, leftovers, unsettled: false, late: false };
    match open_top(top, rights) {
        Ok(top) => {
            if rights == Rights::Root {
                seize(top.as_fd());
            }
            let trail = Trail::new(top, rights);
            Walk { trail, rights, path, sweep, progress }.run(deadline)
        }
        Err(errno) => {
            sweep.leftovers.add(errno, || path.to_vec());
            sweep
        }
    }
}

impl Walk<'_> {
    fn run(mut self, deadline: Instant) -> Sweep {
        for step in (0..CLOCK_EVERY).cycle() {
            if step == 0 && Instant::now() >= deadline {
                self.sweep.late = true;
                break;
            }
            match self.trail.next_name() {
                Ok(Some(next)) => self.visit(next),
                Ok(None) => {
                    if !self.go_up() {
                        break;
                    }
                }
                Err(errno) => {
                    self.stays(None, errno);
                    if !self.go_up() {
                        break;
                    }
                }
            }
        }
        self.sweep
    }

    /// Deals with one name in the current directory.
    fn visit(&mut self, entry: Entry) {
        let name = self.trail.name(entry);
        match remove(self.trail.directory(), name, entry.directory, self.rights) {
            // Nearly all end here, without a copy of the name.
            Fate::Removed => self.count_removed(),
            fate => self.overcome(name.to_owned(), entry.directory, fate),
        }
    }

    /// Goes on with what did not go at once, and goes down where that is what it takes.
    fn overcome(&mut self, name: CString, directory: bool, mut fate: Fate) {
        for _ in 0..MAX_STACKED_MOUNTS {
            match fate {
                Fate::Removed => return self.count_removed(),
                Fate::Absent => return,
                Fate::Directory(_) if self.trail.lift(&name) => return,
                Fate::Directory(directory) => return self.go_down(name, directory),
                Fate::Locked if self.trail.unlock() => {}
                Fate::Locked => return self.stays(Some(&name), Errno::ACCESS),
                Fate::MountPoint if self.detach(&name) => {}
                Fate::MountPoint => break,
                Fate::Stuck(errno) => return self.stays(Some(&name), errno),
            }
            fate = remove(self.trail.directory(), &name, directory, self.rights);
        }
        self.stays(Some(&name), Errno::BUSY);
    }

    /// Enters a directory. Root takes it from its owner first; one that was moved away meanwhile is let be.
    fn go_down(&mut self, name: CString, directory: OwnedFd) {
        let here = self.trail.directory();
        match self.rights {
            Rights::Root if seize_in(here, directory.as_fd()).is_err() => self.sweep.unsettled = true,
            _ => self.trail.descend(name, directory),
        }
    }

    /// Takes the uppermost mount off `name`; the user cannot, and root not without CAP_SYS_ADMIN.
    fn detach(&mut self, name: &CString) -> bool {
        let detached = self.rights == Rights::Root && mounts::detach_at(self.trail.directory(), name).is_ok();
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
            Left::Child { name, keeps } => match remove_emptied(self.trail.directory(), &name) {
                Ok(true) => self.count_removed(),
                Ok(false) => {}
                // What stays in it has been named.
                Err(Errno::NOTEMPTY | Errno::EXIST) if keeps => self.trail.keep(),
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    self.sweep.unsettled = true;
                    self.trail.keep();
                }
                Err(errno) => self.stays(Some(&name), errno),
            },
        }
        true
    }

    fn count_removed(&mut self) {
        self.sweep.removed += 1;
        (self.progress)(self.sweep.removed);
    }

    /// Names what stays: `name` in the current directory, or that directory itself.
    fn stays(&mut self, name: Option<&CString>, errno: Errno) {
        let (trail, path) = (&self.trail, self.path);
        self.sweep.leftovers.add(errno, || trail.path(path, name.map(|name| name.as_c_str())));
        self.trail.keep();
    }
}
