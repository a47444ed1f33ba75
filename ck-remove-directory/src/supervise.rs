//! The command's own process, which touches nothing that a user could hold: it starts a child that does all the work,
//! and watches it. So the command always ends, whatever becomes of the child, and can always be killed.

use std::time::Instant;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::answer::{Answer, Reply};
use crate::cause::Cause;
use crate::worker::{KILL_GRACE, Worker, WorkerError};

/// Why the child has done nothing.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error("cannot ask to end with the parent (prctl)")]
    DeathSignal(#[source] Cause),
    #[error("the parent is gone")]
    Orphan(#[source] Cause),
}

/// Lets a child do `work`, which ends by `deadline` and returns the status to exit with.
///
/// Returns what the child said: without a status it was killed. Returns at most twice [`KILL_GRACE`] after `deadline`.
pub(crate) fn supervise(
    deadline: Instant,
    work: impl FnOnce(&Reply<'_>) -> u8,
) -> Result<Answer, WorkerError> {
    let child = Worker::start_with_all(|reply| match end_with(reply.parent) {
        Ok(()) => reply.status(work(&reply)),
        Err(error) => reply.failure(&error),
    })?;
    // Later than it ends by itself, or it could not say what is left.
    child.watch(deadline + KILL_GRACE)
}

/// Has this process killed when `parent` ends: there is nobody else who would.
fn end_with(parent: Pid) -> Result<(), BeginError> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| BeginError::DeathSignal(errno.into()))?;
    // It may have ended just before that call; then no signal comes.
    match getppid() == Some(parent) {
        true => Ok(()),
        false => Err(BeginError::Orphan(Errno::SRCH.into())),
    }
}
