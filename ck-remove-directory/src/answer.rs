//! What a child says to the process that watches it.
//!
//! It goes through a packet pipe (O_DIRECT, pipe(2)): each packet is a kind byte and a bounded body, so that a child
//! that is killed half-way has still said how far it came.

use std::error::Error;
use std::os::fd::BorrowedFd;

use rustix::io::{Errno, write};
use rustix::process::Pid;

use crate::cause::Cause;

/// Longest text of a failure; longer ones are cut.
const MAX_FAILURE: usize = 400;

/// Longest packet.
pub(crate) const MAX_PACKET: usize = 1 + size_of::<i32>() + MAX_FAILURE;

const COUNT: u8 = b'C';
const FAILURE: u8 = b'F';
const CONFINED: u8 = b'L';
const STATUS: u8 = b'S';

/// The child's way to answer.
pub(crate) struct Reply<'a> {
    pub(crate) pipe: BorrowedFd<'a>,
    /// The process that started the child: when it is gone, nobody wants the answer.
    pub(crate) parent: Pid,
}

impl Reply<'_> {
    /// Says how much was done so far. The last count is the one that holds.
    pub(crate) fn count(&self, count: u64) {
        let mut packet = vec![COUNT];
        packet.extend_from_slice(&count.to_le_bytes());
        self.send(&packet);
    }

    /// Says that the child is confined to the directory from now on.
    pub(crate) fn confined(&self) {
        self.send(&[CONFINED]);
    }

    /// Says why nothing was done.
    pub(crate) fn failure(&self, error: &(dyn Error + 'static)) {
        let cause = error.source().and_then(|source| source.downcast_ref::<Cause>().copied());
        let mut packet = vec![FAILURE];
        packet.extend_from_slice(&cause.unwrap_or(Cause(Errno::PERM)).0.raw_os_error().to_le_bytes());
        packet.extend(error.to_string().bytes().take(MAX_FAILURE));
        self.send(&packet);
    }

    /// Says that everything is done and told, and with which status the command is to exit.
    pub(crate) fn status(&self, status: u8) {
        self.send(&[STATUS, status]);
    }

    /// A parent that no longer listens is about to kill this child anyway.
    fn send(&self, packet: &[u8]) {
        let _ = write(self.pipe, packet);
    }
}

/// What a child said before it ended or was killed.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The last count, if there was one.
    pub(crate) count: Option<u64>,
    /// It was confined to the directory ([`crate::confine`]).
    pub(crate) confined: bool,
    /// Why it did nothing.
    pub(crate) failure: Option<(Cause, String)>,
    /// With which status the command is to exit.
    pub(crate) status: Option<u8>,
    /// The child itself, if not even SIGKILL has ended it: it hangs in the kernel.
    pub(crate) left_behind: Option<Pid>,
}

impl Answer {
    /// Takes in what one packet says; one that is not understood says nothing.
    pub(crate) fn take(&mut self, packet: &[u8]) {
        match packet {
            [CONFINED] => self.confined = true,
            [STATUS, status] => self.status = Some(*status),
            [COUNT, body @ ..] => self.count = body.try_into().ok().map(u64::from_le_bytes),
            [FAILURE, e0, e1, e2, e3, text @ ..] => {
                let cause = Cause(Errno::from_raw_os_error(i32::from_le_bytes([*e0, *e1, *e2, *e3])));
                self.failure = Some((cause, String::from_utf8_lossy(text).into_owned()));
            }
            _ => {}
        }
    }
}
