//! The user's pass: a child that has become the user removes what the user may remove.

use crate::{
    answer::{Answer, AnswerSender},
    child::{ChildError, ChildProcess, RunsAs},
    confine::confine,
    leftovers::Leftovers,
    open::Rights,
    privileges::become_user,
    walk::{self, WalkParameters},
};
use rustix::{
    fs::{Gid, Uid},
    time::{ClockId, clock_gettime},
};
use std::{
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

/// The share of the remaining time, in percent, after which the user's pass ends by itself.
const END_PERCENT: u32 = 60;

/// The share of the remaining time, in percent, after which the child is killed if it does not end by itself.
const KILL_PERCENT: u32 = 75;

/// How long the child may wait for a processor or a disk, in total. Root therefore continues soon if the user starves
/// the child (sched_setscheduler(2)) or stops it repeatedly.
const MAX_TOTAL_WAIT: Duration = Duration::from_secs(5);

/// Runs the user's pass on `directory` in a child with the ids `uid` and `gid`. Leaves time until `deadline` for root.
pub(crate) fn run(
    directory: BorrowedFd<'_>,
    uid: Uid,
    gid: Gid,
    deadline: Instant,
) -> Result<Answer, ChildError> {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    let (end, kill) = (now + left * END_PERCENT / 100, now + left * KILL_PERCENT / 100);
    let work =
        |directory: BorrowedFd<'_>, sender: AnswerSender<'_>| match become_user(uid, gid, sender.parent) {
            Ok(()) => empty_as_user(directory, uid, end, &sender),
            Err(error) => sender.failure(&error),
        };
    ChildProcess::start(RunsAs::User, directory, work)?.watch(kill)
}

/// Runs in the child, after it has become the user.
///
/// Leftovers are only counted. Root tries each of them again, and only root's errno tells why it stays.
fn empty_as_user(top: BorrowedFd<'_>, user: Uid, deadline: Instant, sender: &AnswerSender<'_>) {
    let rights = if confine(top) { Rights::ConfinedUser } else { Rights::User };
    if rights == Rights::ConfinedUser {
        sender.confined();
    }
    let parameters = WalkParameters { top, path: b"", user, rights, deadline };
    let started = Instant::now();
    let result = walk::empty(&parameters, Leftovers::count_only(), &mut |removed| {
        sender.count(removed);
        started.elapsed().saturating_sub(processor_time()) < MAX_TOTAL_WAIT
    });
    sender.count(result.removed);
}

/// The processor time that this process has used.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}
