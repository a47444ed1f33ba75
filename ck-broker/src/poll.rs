//! How a descriptor is just now.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use std::os::fd::AsFd;

/// Which of `asked` holds of the descriptor, and what poll(2) tells unasked (`ERR`, `HUP`). Does not wait.
///
/// # Errors
/// What poll(2) has, such as `EINTR`.
pub(crate) fn now(descriptor: &impl AsFd, asked: PollFlags) -> Result<PollFlags, Errno> {
    within(descriptor, asked, &Timespec { tv_sec: 0, tv_nsec: 0 })
}

/// The same once something of that holds, or when `patience` is over.
///
/// # Errors
/// What poll(2) has, such as `EINTR`.
pub(crate) fn within(
    descriptor: &impl AsFd,
    asked: PollFlags,
    patience: &Timespec,
) -> Result<PollFlags, Errno> {
    let mut probe = [PollFd::new(descriptor, asked)];
    poll(&mut probe, Some(patience))?;
    Ok(probe[0].revents())
}
