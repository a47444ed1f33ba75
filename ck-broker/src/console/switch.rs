//! Switching to another virtual terminal, by a process of its own: see [`super::activate`].

use crate::sys::{Caught, Child, Deadline, Expired, Program};
use ck_protocol::{Vt, limits, printable};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

/// The option, without its dashes, by which this program is told to be such a process. Its value is the number of the terminal.
pub const OPTION: &str = "switch-vt";
/// The name of the process.
const NAME: &str = "ck-switch-vt";
/// How long the process may take: less than `ckctl` waits for the answer.
const SWITCH_TIME: Duration = Duration::from_secs(4);

/// Reads the value of the option.
#[must_use]
pub fn parse(argument: &str) -> Option<Vt> {
    argument.parse::<u8>().ok().and_then(|number| Vt::try_from(number).ok())
}

/// A switch that is under way.
#[derive(Debug)]
pub(super) struct Switch {
    child: Child,
    /// What it says if it fails.
    caught: Caught,
    /// The connection of the peer that waits for the answer.
    pub(super) peer: u64,
}

impl Switch {
    /// Starts one to `vt`, for this peer.
    ///
    /// # Errors
    /// memfd_create(2), or the process could not be started.
    pub(super) fn start(vt: Vt, peer: u64, now: Instant) -> io::Result<Self> {
        let caught = Caught::new()?;
        let program = Program::own(NAME).arg(format!("--{OPTION}={}", vt.get())).stdout(caught.writer()?);
        let child = program.start().map_err(io::Error::other)?;
        Ok(Self { child: child.with_deadline(Deadline::kill(now + SWITCH_TIME)), caught, peer })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.child.deadline()
    }

    /// How it ended, once it has: an error is one line for people.
    pub(super) fn outcome(&mut self) -> Option<Result<(), String>> {
        let status = self.child.status()?;
        if status.success() {
            return Some(Ok(()));
        }
        let line = printable(self.caught.text(limits::MESSAGE).trim()).to_string();
        Some(Err(if line.is_empty() { format!("cannot switch: {NAME}: {status}") } else { line }))
    }

    /// Kills the process, if it takes too long. If not even that ends it, there is no other switch until it does.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.child.expire(now) == Some(Expired::Killed) {
            log::error!("{NAME} takes too long, and is killed");
        }
    }
}

impl AsFd for Switch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_is_the_number_of_a_terminal() {
        let read = |argument| parse(argument).map(Vt::get);
        assert_eq!((read("2"), read("63")), (Some(2), Some(63)));
        for bad in ["", "0", "64", "-1", "tty2", "2,3"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
