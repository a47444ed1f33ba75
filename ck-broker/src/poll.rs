//! The current state of a descriptor, by poll(2).

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::os::fd::AsFd;

/// The flags of `asked` that are set, and those that poll(2) always reports (`ERR`, `HUP`). Does not wait.
///
/// # Errors
/// What poll(2) has, such as `EINTR`.
pub(crate) fn now(descriptor: &impl AsFd, asked: PollFlags) -> Result<PollFlags, Errno> {
    within(descriptor, asked, &Timespec { tv_sec: 0, tv_nsec: 0 })
}

/// The same, but waits until a flag is set, or until `timeout` is over.
///
/// # Errors
/// What poll(2) has, such as `EINTR`.
pub(crate) fn within(
    descriptor: &impl AsFd,
    asked: PollFlags,
    timeout: &Timespec,
) -> Result<PollFlags, Errno> {
    let mut probe = [PollFd::new(descriptor, asked)];
    poll(&mut probe, Some(timeout))?;
    Ok(probe[0].revents())
}
