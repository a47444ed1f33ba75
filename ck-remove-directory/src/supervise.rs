//! The process of the command itself. It starts a child that does all the work, and watches it.
//!
//! This process touches nothing that a user could hold. The command therefore always ends, whatever happens to the
//! child, and it can always be killed.
//!
//! A child that is left behind keeps its open descriptors, so it gets none of the caller's. What the child prints
//! goes to memory files. This process copies them to the caller's output at the end.

use crate::{
    answer::{Answer, AnswerSender},
    cause::Cause,
    child::{ChildError, ChildProcess, KILL_TIMEOUT, RunsAs},
};
use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::{self, Errno},
    process::{Pid, Signal, getppid, set_parent_process_death_signal},
    stdio::{dup2_stderr, dup2_stdout},
};
use std::{
    fs::File,
    io::{Seek, Write, copy, stderr, stdout},
    os::fd::{AsRawFd, RawFd},
    time::Instant,
};

/// Why the child has done nothing.
#[derive(Debug, thiserror::Error)]
enum SetUpError {
    #[error("cannot ask to end with the parent (prctl)")]
    DeathSignal(#[source] Cause),
    #[error("cannot replace the output by a memory file (dup2)")]
    Output(#[source] Cause),
    #[error("the parent is gone")]
    Orphan(#[source] Cause),
}

/// The output of the child, in memory files.
struct CapturedOutput {
    stdout: File,
    stderr: File,
}

impl CapturedOutput {
    fn new() -> io::Result<Self> {
        let file = || Ok(File::from(memfd_create("output", MemfdFlags::CLOEXEC)?));
        Ok(Self { stdout: file()?, stderr: file()? })
    }

    /// Redirects the output of this process to the memory files.
    fn redirect(&self) -> io::Result<()> {
        dup2_stdout(&self.stdout)?;
        dup2_stderr(&self.stderr)
    }

    /// Copies the memory files to the output of this process. What cannot be written is lost.
    fn publish(mut self) {
        // The child shares the file positions, which are at the ends.
        let _ = self.stderr.rewind().and_then(|()| copy(&mut self.stderr, &mut stderr()));
        let _ = self.stdout.rewind().and_then(|()| copy(&mut self.stdout, &mut stdout()));
        let _ = stdout().flush();
    }
}

/// Runs `work` in a child. `work` ends by `deadline` and returns the exit status of the command. The child has only
/// `keep` of our descriptors.
///
/// Prints what the child has printed, and returns its answer. If the answer has no exit status, the child was killed
/// and its output, which is incomplete, is not printed. Returns at most twice [`KILL_TIMEOUT`] after `deadline`.
pub(crate) fn supervise(
    deadline: Instant,
    keep: Option<RawFd>,
    work: impl FnOnce(&AnswerSender<'_>) -> u8,
) -> Result<Answer, ChildError> {
    let output = CapturedOutput::new().map_err(|errno| ChildError::Output(errno.into()))?;
    let mut open = vec![output.stdout.as_raw_fd(), output.stderr.as_raw_fd()];
    open.extend(keep);
    let child =
        ChildProcess::start_with(RunsAs::Root, &open, |sender| match set_up(&output, sender.parent) {
            Ok(()) => sender.exit_status(work(&sender)),
            Err(error) => sender.failure(&error),
        })?;
    // The child ends by itself at the deadline. It is killed later than that, so that it can report what is left.
    let answer = child.watch(deadline + KILL_TIMEOUT)?;
    if answer.exit_status.is_some() {
        output.publish();
    }
    Ok(answer)
}

fn set_up(output: &CapturedOutput, parent: Pid) -> Result<(), SetUpError> {
    output.redirect().map_err(|errno| SetUpError::Output(errno.into()))?;
    end_with(parent)
}

/// Has this process killed when `parent` ends. Nobody else would end it then.
fn end_with(parent: Pid) -> Result<(), SetUpError> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| SetUpError::DeathSignal(errno.into()))?;
    // If the parent ended just before that call, no signal comes.
    match getppid() == Some(parent) {
        true => Ok(()),
        false => Err(SetUpError::Orphan(Errno::SRCH.into())),
    }
}
