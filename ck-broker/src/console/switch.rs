//! Switching to another virtual terminal, by a program of its own.

use crate::sys::{Caught, Child, Deadline, Expired, Program};
use ck_protocol::{Vt, limits, printable};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long the program may take: less than `ckctl` waits for the answer.
const SWITCH_TIME: Duration = Duration::from_secs(4);

/// The program that asks the kernel to switch.
#[derive(Debug)]
pub struct Switcher(PathBuf);

impl Switcher {
    /// The program as it is installed beside the broker's own, `broker`, or built.
    #[must_use]
    pub fn beside(broker: &Path) -> Self {
        let folder = broker.parent().unwrap_or(Path::new("/"));
        let installed = folder.with_file_name("libexec").join("ck/ck-switch-vt");
        let built = folder.join("ck-switch-vt");
        Self(if built.is_file() { built } else { installed })
    }

    pub(super) fn start(&self, vt: Vt, peer: u64, now: Instant) -> io::Result<Switch> {
        let caught = Caught::new()?;
        let program = Program::new(&self.0).arg(vt.get().to_string()).stderr(caught.writer()?);
        let child = program.start().map_err(io::Error::other)?;
        Ok(Switch { child: child.with_deadline(Deadline::kill(now + SWITCH_TIME)), caught, peer })
    }
}

/// A switch that is under way.
#[derive(Debug)]
pub(super) struct Switch {
    child: Child,
    /// Its standard error.
    caught: Caught,
    /// The connection of the peer that waits for the answer.
    pub(super) peer: u64,
}

impl Switch {
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
        Some(Err(if line.is_empty() { format!("cannot switch: ck-switch-vt: {status}") } else { line }))
    }

    /// Kills the program, if it takes too long. If not even that ends it, there is no other switch until it does.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.child.expire(now) == Some(Expired::Killed) {
            log::error!("ck-switch-vt takes too long, and is killed");
        }
    }
}

impl AsFd for Switch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.as_fd()
    }
}
