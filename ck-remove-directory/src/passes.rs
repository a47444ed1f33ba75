//! The passes over one directory: in which order they run, and when to stop.
//!
//! First, the mounts in the directory are detached. Then the user's pass removes what the user may remove. If
//! anything is left, passes of root follow. They remove root's directories that are not empty, mounts, and what
//! processes of the user keep making. Root seizes each directory on the way, so that this comes to an end. Finally
//! the directory itself is removed.

use crate::{
    answer::{Answer, AnswerSender},
    attributes::{Attributes, Identity},
    batch::{Batch, ReadBuffer},
    destination::{Destination, Kind},
    leftovers::Leftovers,
    nested_mounts,
    open::{Rights, open_top},
    path::Location,
    report::Report,
    resolve::{self, HANDLE, INSIDE},
    seize::OriginalOwner,
    user_pass,
    walk::{self, WalkParameters, WalkResult},
};
use rustix::{
    fs::{AtFlags, Uid, unlinkat},
    io::{self, Errno},
};
use std::{
    os::fd::{AsFd, BorrowedFd},
    thread::sleep,
    time::{Duration, Instant},
};

/// The number of passes in a row that may remove nothing from a directory that is not empty.
const MAX_IDLE_PASSES: u32 = 16;

/// The number of passes in a row that may have leftovers while they still remove other names. Other processes then
/// make new names all the time.
const MAX_PASSES_WITH_LEFTOVERS: u32 = 3;

/// The delay after the first idle pass. It grows with each further idle pass.
const IDLE_PASS_DELAY: Duration = Duration::from_millis(1);

/// The state of the directory after the passes.
pub(crate) enum Outcome {
    /// The name of a plain directory is gone; the root of a file system is empty.
    Done,
    /// The directory stays, for this reason.
    Stays(Errno),
}

/// The passes over one directory.
pub(crate) struct Passes<'a> {
    pub(crate) destination: &'a Destination,
    pub(crate) uid: Uid,
    pub(crate) deadline: Instant,
    pub(crate) report: &'a mut Report,
    /// Gets the progress.
    pub(crate) sender: &'a AnswerSender<'a>,
}

impl Passes<'_> {
    /// Runs passes until the directory is empty or there is no more progress. The report then has the leftovers of
    /// the last pass.
    ///
    /// `None` if the passes could not begin, or must not continue as root.
    pub(crate) fn run(mut self) -> Option<Outcome> {
        let (mut idle, mut with_leftovers) = (0, 0);
        self.report.detached += nested_mounts::detach_all(self.destination.directory.as_fd());
        self.user_pass()?;
        loop {
            // The user's pass usually leaves nothing, and no pass of root is needed.
            if let Outcome::Done = self.finish() {
                return Some(Outcome::Done);
            }
            let result = self.root_pass();
            let Outcome::Stays(reason) = self.finish() else { return Some(Outcome::Done) };
            idle = if result.removed + result.detached == 0 { idle + 1 } else { 0 };
            with_leftovers =
                if result.tree_changed || result.leftovers.is_empty() { 0 } else { with_leftovers + 1 };
            if let Some(errno) = self.reason_to_stop(&result, reason, idle, with_leftovers) {
                return Some(self.give_up(result.leftovers, errno));
            }
            sleep(IDLE_PASS_DELAY * idle);
        }
    }

    /// Returns the errno to report for the directory itself if another pass is of no use.
    fn reason_to_stop(
        &self,
        result: &WalkResult,
        reason: Errno,
        idle: u32,
        with_leftovers: u32,
    ) -> Option<Errno> {
        if result.timed_out || Instant::now() >= self.deadline {
            return Some(Errno::TIMEDOUT);
        }
        let will_stay = !result.tree_changed && (with_leftovers > 0 || reason != Errno::NOTEMPTY);
        let stop =
            idle >= MAX_IDLE_PASSES || (idle > 0 && will_stay) || with_leftovers >= MAX_PASSES_WITH_LEFTOVERS;
        stop.then_some(reason)
    }

    /// Gives the directory back to its owner and reports what is left. The directory itself is reported too, unless its
    /// contents explain why it stays.
    fn give_up(&mut self, leftovers: Leftovers, errno: Errno) -> Outcome {
        let Destination { directory, attributes, .. } = self.destination;
        self.report.leftovers = leftovers;
        give_back(directory.as_fd(), attributes, self.uid, self.report);
        if errno == Errno::TIMEDOUT {
            self.report.set_timed_out();
        }
        if self.report.leftovers.is_empty() || errno != Errno::NOTEMPTY {
            self.report.add_directory(errno);
        }
        Outcome::Stays(errno)
    }

    /// Runs the user's pass. `None` if root must not continue.
    fn user_pass(&mut self) -> Option<()> {
        self.report.passes += 1;
        let Destination { directory, attributes, .. } = self.destination;
        match user_pass::run(directory.as_fd(), self.uid, attributes.gid, self.deadline) {
            Ok(answer) => self.take_answer(answer),
            Err(error) => {
                self.report.set_not_begun(error.cause(), &error.to_string());
                None
            }
        }
    }

    /// Reports the result of the user's pass. `None` if root must not continue.
    ///
    /// Root removes nothing before the user's pass has run. If its child hangs, root would hang in the same place.
    fn take_answer(&mut self, answer: Answer) -> Option<()> {
        self.report.removed += answer.count.unwrap_or(0);
        self.report.abandoned = answer.abandoned;
        if let Some((cause, step)) = answer.failure {
            self.report.set_not_begun(cause, &step);
            return None;
        }
        let confined = self.report.confined.unwrap_or(true) && answer.confined;
        self.report.confined = Some(confined);
        answer.abandoned.is_none().then_some(())
    }

    fn root_pass(&mut self) -> WalkResult {
        let (removed_before, sender) = (self.report.removed, self.sender);
        let parameters = WalkParameters {
            top: self.destination.directory.as_fd(),
            path: &self.report.path,
            user: self.uid,
            rights: Rights::Root,
            deadline: self.deadline,
        };
        let result = walk::empty(&parameters, Leftovers::with_names(), &mut |removed| {
            sender.count(removed_before + removed);
            true
        });
        self.report.passes += 1;
        self.report.removed += result.removed;
        self.report.detached += result.detached;
        result
    }

    /// Removes the name of a plain directory. Of any other directory, checks that it is empty.
    fn finish(&self) -> Outcome {
        match &self.destination.kind {
            Kind::Plain(location) => remove_name(location, self.destination.attributes.identity),
            Kind::Mounted(_) | Kind::Given => match is_empty(self.destination.directory.as_fd()) {
                Ok(true) => Outcome::Done,
                Ok(false) => Outcome::Stays(Errno::NOTEMPTY),
                Err(errno) => Outcome::Stays(errno),
            },
        }
    }
}

/// Gives the directory back to its owner. Otherwise the next run would refuse it.
pub(crate) fn give_back(directory: BorrowedFd<'_>, before: &Attributes, user: Uid, report: &mut Report) {
    if let Err(errno) = OriginalOwner::of(before, user).give_back(directory) {
        report.add_directory(errno);
    }
}

/// Removes the name at `location`, if it still is the name of the directory with this `identity`.
fn remove_name(location: &Location, identity: Identity) -> Outcome {
    match resolve::open(location.parent.as_fd(), &location.name, HANDLE, INSIDE) {
        Err(Errno::NOENT) => return Outcome::Done,
        Err(Errno::XDEV) => return Outcome::Stays(Errno::BUSY),
        Err(errno) => return Outcome::Stays(errno),
        Ok(now) => match Attributes::of(now) {
            Ok(attributes) if attributes.identity == identity => {}
            // Another directory has this name now, and must not be removed.
            Ok(_) => return Outcome::Stays(Errno::STALE),
            Err(errno) => return Outcome::Stays(errno),
        },
    }
    match unlinkat(&location.parent, &location.name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Outcome::Done,
        Err(Errno::EXIST) => Outcome::Stays(Errno::NOTEMPTY),
        Err(errno) => Outcome::Stays(errno),
    }
}

/// True if the directory of `handle` is empty.
fn is_empty(handle: BorrowedFd<'_>) -> io::Result<bool> {
    let directory = open_top(handle, Rights::Root)?;
    Batch::default().fill(directory.as_fd(), &mut ReadBuffer::new()).map(|any| !any)
}
