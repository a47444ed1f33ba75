//! The command's own process, which touches nothing that a user could hold: it starts a child that does all the work,
//! and watches it. So the command always ends, whatever becomes of the child, and can always be killed.
//!
//! A child that is left behind keeps what it has open: so it has nothing of the caller's. What it prints goes into
//! memory files, and from there to the caller at the end.

use std::fs::File;
use std::io::{Seek, Write, copy, stderr, stdout};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Instant;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::{self, Errno};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::answer::{Answer, Reply};
use crate::cause::Cause;
use crate::worker::{KILL_GRACE, Whose, Worker, WorkerError};

/// Why the child has done nothing.
#[derive(Debug, thiserror::Error)]
enum BeginError {
    #[error("cannot ask to end with the parent (prctl)")]
    DeathSignal(#[source] Cause),
    #[error("cannot put a memory file in the place of the output (dup2)")]
    Output(#[source] Cause),
    #[error("the parent is gone")]
    Orphan(#[source] Cause),
}

/// What the child prints.
struct Output {
    out: File,
    errors: File,
}

impl Output {
    fn new() -> io::Result<Self> {
        let file = || Ok(File::from(memfd_create("output", MemfdFlags::CLOEXEC)?));
        Ok(Self { out: file()?, errors: file()? })
    }

    /// Has what this process prints from now on go here.
    fn take_over(&self) -> io::Result<()> {
        dup2_stdout(&self.out)?;
        dup2_stderr(&self.errors)
    }

    /// Prints what came. What cannot be written is lost.
    fn publish(mut self) {
        // Its position is the child's as well: at the end.
        let _ = self.errors.rewind().and_then(|()| copy(&mut self.errors, &mut stderr()));
        let _ = self.out.rewind().and_then(|()| copy(&mut self.out, &mut stdout()));
        let _ = stdout().flush();
    }
}

/// Lets a child do `work`, which ends by `deadline` and returns the status to exit with; of our descriptors it has
/// only `keep`.
///
/// Prints what it has printed and returns what it has said. Without a status it was killed, and what it has
/// printed is not all. Returns at most twice [`KILL_GRACE`] after `deadline`.
pub(crate) fn supervise(
    deadline: Instant,
    keep: Option<RawFd>,
    work: impl FnOnce(&Reply<'_>) -> u8,
) -> Result<Answer, WorkerError> {
    let output = Output::new().map_err(|errno| WorkerError::Output(errno.into()))?;
    let mut open = vec![output.out.as_raw_fd(), output.errors.as_raw_fd()];
    open.extend(keep);
    let child = Worker::start_with(Whose::Roots, &open, |reply| match begin(&output, reply.parent) {
        Ok(()) => reply.status(work(&reply)),
        Err(error) => reply.failure(&error),
    })?;
    // Later than it ends by itself, or it could not say what is left.
    let answer = child.watch(deadline + KILL_GRACE)?;
    if answer.status.is_some() {
        output.publish();
    }
    Ok(answer)
}

fn begin(output: &Output, parent: Pid) -> Result<(), BeginError> {
    output.take_over().map_err(|errno| BeginError::Output(errno.into()))?;
    end_with(parent)
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
