//! Which pass comes when, and when to stop.
//!
//! First what is mounted in it is detached. Then the user's pass: a child that is the user removes what the
//! user may. Root goes over what is left, if anything is: directories of root's that are not empty, mounts,
//! and what processes of the user's go on making. Root takes each directory from its owner on the way, so
//! that this comes to an end. Then the directory itself goes.

use std::os::fd::{AsFd, BorrowedFd};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, Mode, Uid, openat2, unlinkat};
use rustix::io::{self, Errno};
use rustix::time::{ClockId, clock_gettime};

use crate::answer::{Answer, Reply};
use crate::batch::{Batch, ReadBuffer};
use crate::confine::confine;
use crate::destination::{Destination, Kind, Refusal};
use crate::entry::{Rights, open_top};
use crate::mounts::{self, INSIDE};
use crate::nested;
use crate::parents::{HANDLE, Place};
use crate::privileges;
use crate::report::{Leftovers, Report, escape};
use crate::seize::Original;
use crate::status::{Identity, Status};
use crate::walk::{Order, Sweep, sweep};
use crate::worker::{Whose, Worker};

/// Hundredths of the time that is left after which the user's pass ends by itself.
const USER_SHARE: u32 = 60;

/// Hundredths after which it is killed, should it go on all the same.
const USER_KILL: u32 = 75;

/// How long the user's pass may wait, for a processor or a disk, in all. Who starves it (sched_setscheduler(2))
/// or stops it time and again has root go on soon.
const USER_WAITS: Duration = Duration::from_secs(5);

/// Sweeps in a row that find nothing to remove in a directory that is not empty.
const MAX_IDLE_SWEEPS: u32 = 16;

/// Sweeps in a row that find something which cannot go, though other names still go: somebody makes new ones.
const MAX_SETTLED_SWEEPS: u32 = 3;

/// Pause after the first idle one; the next ones are longer.
const IDLE_PAUSE: Duration = Duration::from_millis(1);

/// What became of the directory.
enum Outcome {
    /// Its name is gone; a file system's root is empty.
    Done,
    /// It stays, for this reason.
    Stays(Errno),
}

/// One directory being emptied.
struct Passes<'a> {
    destination: &'a Destination,
    uid: Uid,
    deadline: Instant,
    report: &'a mut Report,
    /// Hears that we are alive.
    reply: &'a Reply<'a>,
}

/// Removes `destination`, and tells `report` about it. Returns about at `deadline`, if not before.
pub(crate) fn remove(
    mut destination: Destination,
    uid: Uid,
    deadline: Instant,
    report: &mut Report,
    reply: &Reply<'_>,
) {
    loop {
        let used = destination.used_bytes();
        let outcome = Passes { destination: &destination, uid, deadline, report, reply }.run();
        report.add_bytes(used, destination.used_bytes());
        let Destination { directory, status, kind } = destination;
        let place = match kind {
            Kind::Mounted(place) => place,
            Kind::Plain(_) | Kind::Given => {
                if matches!(outcome, Some(Outcome::Done)) {
                    report.set_gone();
                }
                return;
            }
        };
        if outcome.is_none() {
            return;
        }
        // What is left in a tmpfs goes with it, so it is detached whatever the passes have come to.
        match mounts::detach(directory.as_fd()) {
            Ok(()) => report.detached += 1,
            // Another remover that is at the same directory has detached it.
            Err(Errno::INVAL) if !is_mounted(&place) => {}
            Err(errno) => {
                give_back(directory.as_fd(), &status, uid, report);
                return report.directory_stays(errno);
            }
        }
        report.leftovers = Leftovers::named();
        let errno = match unlinkat(&place.parent, &place.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return report.set_gone(),
            Err(errno) => errno,
        };
        // Another tmpfs beneath, or a directory with something in it: the same again, if it is the user's.
        destination = match Destination::at(place, uid, escape(&report.path)) {
            Ok(beneath) if Instant::now() < deadline => beneath,
            Ok(_) => return report.set_late(),
            Err(Refusal::Missing) => return report.set_gone(),
            Err(Refusal::Hangs { child, .. }) => return report.left_behind = Some(child),
            Err(_) => return report.directory_stays(errno),
        };
    }
}

/// Whether something is mounted there; also where that cannot be told, but not where the name is gone.
fn is_mounted(place: &Place) -> bool {
    let found = mounts::is_mount_point(place.parent.as_fd(), &place.name);
    found.unwrap_or_else(|errno| errno != Errno::NOENT)
}

/// Gives the directory back to its owner, or the next try would refuse it.
fn give_back(directory: BorrowedFd<'_>, before: &Status, user: Uid, report: &mut Report) {
    if let Err(errno) = Original::of(before, user).give_back(directory) {
        report.directory_stays(errno);
    }
}

impl Passes<'_> {
    /// Goes over the tree until it is empty or nothing moves any more; `None` when it could not be
    /// begun. The report has every leftover of the last sweep.
    fn run(mut self) -> Option<Outcome> {
        let (mut idle, mut settled) = (0, 0);
        self.report.detached += nested::detach_all(self.destination.directory.as_fd());
        self.user_pass()?;
        loop {
            // Most often the user's pass has left nothing, and root need not look.
            if let Outcome::Done = self.finish() {
                return Some(Outcome::Done);
            }
            let swept = self.root_sweep();
            let Outcome::Stays(reason) = self.finish() else { return Some(Outcome::Done) };
            idle = if swept.removed + swept.detached == 0 { idle + 1 } else { 0 };
            settled = if swept.unsettled || swept.leftovers.is_empty() { 0 } else { settled + 1 };
            if let Some(errno) = self.why_stop(&swept, reason, idle, settled) {
                return Some(self.give_up(swept.leftovers, errno));
            }
            sleep(IDLE_PAUSE * idle);
        }
    }

    /// Whether there is no point in another sweep, and the errno that says why for the directory itself.
    fn why_stop(&self, swept: &Sweep, reason: Errno, idle: u32, settled: u32) -> Option<Errno> {
        if swept.late || Instant::now() >= self.deadline {
            return Some(Errno::TIMEDOUT);
        }
        let will_stay = !swept.unsettled && (settled > 0 || reason != Errno::NOTEMPTY);
        let stop = idle >= MAX_IDLE_SWEEPS || (idle > 0 && will_stay) || settled >= MAX_SETTLED_SWEEPS;
        stop.then_some(reason)
    }

    /// Gives the directory back and takes over what a sweep has left; the directory itself is named where that does
    /// not say it all.
    fn give_up(&mut self, leftovers: Leftovers, errno: Errno) -> Outcome {
        let Destination { directory, status, .. } = self.destination;
        self.report.leftovers = leftovers;
        give_back(directory.as_fd(), status, self.uid, self.report);
        if errno == Errno::TIMEDOUT {
            self.report.set_late();
        }
        if self.report.leftovers.is_empty() || errno != Errno::NOTEMPTY {
            self.report.directory_stays(errno);
        }
        Outcome::Stays(errno)
    }

    /// Lets a child that has become the user remove what it can; `None` when there is no such child.
    fn user_pass(&mut self) -> Option<()> {
        let (uid, gid) = (self.uid, self.destination.status.gid);
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        let (end, kill) = (now + left * USER_SHARE / 100, now + left * USER_KILL / 100);
        let work = |directory: BorrowedFd<'_>, reply: Reply<'_>| match privileges::become_user(
            uid,
            gid,
            reply.parent,
        ) {
            Ok(()) => sweep_as_user(directory, uid, end, &reply),
            Err(error) => reply.failure(&error),
        };
        self.report.passes += 1;
        let answer = Worker::start(Whose::Users, self.destination.directory.as_fd(), work)
            .and_then(|worker| worker.watch(kill));
        match answer {
            Ok(answer) => self.take_answer(answer),
            Err(error) => {
                self.report.not_begun(error.cause(), &error.to_string());
                None
            }
        }
    }

    /// What the child has come to; `None` if root must not go on. Nothing is removed with more rights than the
    /// user's until the user's pass was there, and what that child hangs on, root would hang on as well.
    fn take_answer(&mut self, answer: Answer) -> Option<()> {
        self.report.removed += answer.count.unwrap_or(0);
        self.report.left_behind = answer.left_behind;
        if let Some((cause, text)) = answer.failure {
            self.report.not_begun(cause, &text);
            return None;
        }
        let confined = self.report.confined.unwrap_or(true) && answer.confined;
        self.report.confined = Some(confined);
        answer.left_behind.is_none().then_some(())
    }

    fn root_sweep(&mut self) -> Sweep {
        let (uid, so_far, reply) = (self.uid, self.report.removed, self.reply);
        let top = self.destination.directory.as_fd();
        let order =
            Order { top, path: &self.report.path, user: uid, rights: Rights::Root, deadline: self.deadline };
        let swept = sweep(&order, Leftovers::named(), &mut |removed| {
            reply.count(so_far + removed);
            true
        });
        self.report.passes += 1;
        self.report.removed += swept.removed;
        self.report.detached += swept.detached;
        swept
    }

    /// Removes the name of a plain directory, and looks whether others are empty.
    fn finish(&self) -> Outcome {
        match &self.destination.kind {
            Kind::Plain(place) => remove_name(place, self.destination.status.identity),
            Kind::Mounted(_) | Kind::Given => match is_empty(self.destination.directory.as_fd()) {
                Ok(true) => Outcome::Done,
                Ok(false) => Outcome::Stays(Errno::NOTEMPTY),
                Err(errno) => Outcome::Stays(errno),
            },
        }
    }
}

/// What the child does once it is the user. Its leftovers are not told: root tries each of them again, and
/// only root's errno says why it stays.
fn sweep_as_user(top: BorrowedFd<'_>, user: Uid, deadline: Instant, reply: &Reply<'_>) {
    let rights = if confine(top) { Rights::Confined } else { Rights::User };
    if rights == Rights::Confined {
        reply.confined();
    }
    let order = Order { top, path: b"", user, rights, deadline };
    let started = Instant::now();
    let swept = sweep(&order, Leftovers::counted(), &mut |removed| {
        reply.count(removed);
        started.elapsed().saturating_sub(processor_time()) < USER_WAITS
    });
    reply.count(swept.removed);
}

/// How long this process has run, so far.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Removes the name at `place` if it is still that of the directory `identity`.
fn remove_name(place: &Place, identity: Identity) -> Outcome {
    match openat2(&place.parent, &place.name, HANDLE, Mode::empty(), INSIDE) {
        Err(Errno::NOENT) => return Outcome::Done,
        Err(Errno::XDEV) => return Outcome::Stays(Errno::BUSY),
        Err(errno) => return Outcome::Stays(errno),
        Ok(now) => match Status::of(now) {
            Ok(status) if status.identity == identity => {}
            // Somebody has put another directory in its place; that one is not ours to remove.
            Ok(_) => return Outcome::Stays(Errno::STALE),
            Err(errno) => return Outcome::Stays(errno),
        },
    }
    match unlinkat(&place.parent, &place.name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Outcome::Done,
        Err(Errno::EXIST) => Outcome::Stays(Errno::NOTEMPTY),
        Err(errno) => Outcome::Stays(errno),
    }
}

/// Whether the directory that `handle` stands for has no names in it.
fn is_empty(handle: BorrowedFd<'_>) -> io::Result<bool> {
    let directory = open_top(handle, Rights::Root)?;
    Batch::default().fill(directory.as_fd(), &mut ReadBuffer::new()).map(|any| !any)
}
