//! Finds and ends the broker that runs on a state directory, for service scripts.

use crate::{
    places::{
        lock::{self, Holder, LockError},
        state::{LOCK, PRIVATE},
    },
    poll,
};
use rustix::{
    event::{PollFlags, Timespec},
    io::Errno,
    process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    os::fd::OwnedFd,
    path::Path,
    time::{Duration, Instant},
};

/// The time between SIGTERM and SIGKILL.
const TERM_TIME: Duration = Duration::from_secs(10);
/// How long to wait for the end after SIGKILL.
const KILL_TIME: Duration = Duration::from_secs(5);

/// Why a broker could not be found or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunningError {
    /// The lock could not be inspected.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// It could not be watched or sent a signal.
    #[error("cannot end ck-broker (pid {pid}): {source}")]
    End {
        /// The broker.
        pid: i32,
        /// Why.
        source: Errno,
    },
    /// SIGKILL did not end it.
    #[error("ck-broker (pid {0}) does not end: it hangs in the kernel")]
    Hangs(i32),
    /// Another broker holds the lock after the first one has ended.
    #[error("another ck-broker (pid {0}) was started meanwhile: stop the supervisor that starts it")]
    Another(i32),
}

/// Finds the broker on `state_dir`, whoever started it.
///
/// # Errors
/// [`RunningError::Lock`], for example if the caller is not root.
pub fn find(state_dir: &Path) -> Result<Holder, RunningError> {
    let mut found = Holder::None;
    // An earlier release has its lock in the state directory itself.
    for file in [state_dir.join(PRIVATE).join(LOCK), state_dir.join(LOCK)] {
        match lock::holder(&file)? {
            Holder::None => {}
            Holder::Died => found = Holder::Died,
            Holder::Runs(pid) => return Ok(Holder::Runs(pid)),
        }
    }
    Ok(found)
}

/// Ends the broker on `state_dir`, and waits for its end: SIGTERM first, and SIGKILL after ten seconds. Does nothing if
/// none runs.
///
/// # Errors
/// [`RunningError`], at the latest after another five seconds.
pub fn stop(state_dir: &Path) -> Result<(), RunningError> {
    let Holder::Runs(pid) = find(state_dir)? else { return Ok(()) };
    let number = pid.as_raw_nonzero().get();
    let failed = |source| RunningError::End { pid: number, source };
    let broker = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        broker => broker.map_err(failed)?,
    };
    // Checked again now that the descriptor is open, because the pid may have been reused before.
    if find(state_dir)? == Holder::Runs(pid) {
        let has_ended = end(&broker, Signal::TERM, TERM_TIME).map_err(failed)?
            || end(&broker, Signal::KILL, KILL_TIME).map_err(failed)?;
        if !has_ended {
            return Err(RunningError::Hangs(number));
        }
    }
    match find(state_dir)? {
        Holder::Runs(another) => Err(RunningError::Another(another.as_raw_nonzero().get())),
        _ => Ok(()),
    }
}

/// Sends the process `signal`. Returns whether it has ended within `time`.
fn end(process: &OwnedFd, signal: Signal, time: Duration) -> Result<bool, Errno> {
    match pidfd_send_signal(process, signal) {
        Err(Errno::SRCH) => return Ok(true),
        sent => sent?,
    }
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
        match poll::within(process, PollFlags::IN, &left) {
            Err(Errno::INTR) => {}
            ready => return Ok(ready?.contains(PollFlags::IN)),
        }
    }
}
