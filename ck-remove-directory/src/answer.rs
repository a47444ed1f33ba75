//! The messages of a child to the process that watches it.
//!
//! They go through a packet pipe (O_DIRECT, pipe(2)). Each packet is a type byte and a bounded body. A child that is
//! killed has therefore already told how far it got.

use crate::cause::Cause;
use rustix::{
    io::{Errno, write},
    process::Pid,
};
use std::{error::Error, os::fd::BorrowedFd};

/// The longest text of a failure, in bytes. A longer one is cut.
const MAX_FAILURE: usize = 400;

/// The longest packet, in bytes.
pub(crate) const MAX_PACKET: usize = 1 + size_of::<i32>() + MAX_FAILURE;

/// The types of packets.
const COUNT: u8 = b'C';
const FAILURE: u8 = b'F';
const CONFINED: u8 = b'L';
const EXIT_STATUS: u8 = b'S';

/// The child's end of the pipe.
pub(crate) struct AnswerSender<'a> {
    pub(crate) pipe: BorrowedFd<'a>,
    /// The process that started the child and reads its answer.
    pub(crate) parent: Pid,
}

impl AnswerSender<'_> {
    /// Sends how many names were removed so far. The last count is the result.
    pub(crate) fn count(&self, count: u64) {
        let mut packet = vec![COUNT];
        packet.extend_from_slice(&count.to_le_bytes());
        self.send(&packet);
    }

    /// Sends that the child is confined to the directory.
    pub(crate) fn confined(&self) {
        self.send(&[CONFINED]);
    }

    /// Sends why the child has done nothing.
    pub(crate) fn failure(&self, error: &(dyn Error + 'static)) {
        let cause = error.source().and_then(|source| source.downcast_ref::<Cause>().copied());
        let mut packet = vec![FAILURE];
        packet.extend_from_slice(&cause.unwrap_or(Cause(Errno::PERM)).0.raw_os_error().to_le_bytes());
        packet.extend(error.to_string().bytes().take(MAX_FAILURE));
        self.send(&packet);
    }

    /// Sends that the work is done and its report printed, and the exit status of the command.
    pub(crate) fn exit_status(&self, status: u8) {
        self.send(&[EXIT_STATUS, status]);
    }

    /// An error is ignored: a parent that no longer reads is about to kill this child.
    fn send(&self, packet: &[u8]) {
        let _ = write(self.pipe, packet);
    }
}

/// What a child has sent before it ended or was killed.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The last count, if the child has sent one.
    pub(crate) count: Option<u64>,
    /// True if the child was confined to the directory ([`crate::confine`]).
    pub(crate) confined: bool,
    /// Why the child has done nothing.
    pub(crate) failure: Option<(Cause, String)>,
    /// The exit status of the command.
    pub(crate) exit_status: Option<u8>,
    /// The child itself, if SIGKILL did not end it because it hangs in the kernel.
    pub(crate) abandoned: Option<Pid>,
}

impl Answer {
    /// Adds one packet. A packet that is not understood is ignored.
    pub(crate) fn add(&mut self, packet: &[u8]) {
        match packet {
            [CONFINED] => self.confined = true,
            [EXIT_STATUS, status] => self.exit_status = Some(*status),
            [COUNT, body @ ..] => self.count = body.try_into().ok().map(u64::from_le_bytes),
            [FAILURE, e0, e1, e2, e3, text @ ..] => {
                let cause = Cause(Errno::from_raw_os_error(i32::from_le_bytes([*e0, *e1, *e2, *e3])));
                self.failure = Some((cause, String::from_utf8_lossy(text).into_owned()));
            }
            _ => {}
        }
    }
}
