//! Closing connections in which a peer has pushed descriptors, on kernels that cannot refuse those
//! (see [`super::descriptors`]).
//!
//! Who drops the last copy of an open file closes it, and that can take long. So such a connection is
//! neither read nor closed here: it is handed to a process that does nothing but end. A process that ends
//! does not wait for `SO_LINGER` (`inet_release` of Linux), and if it waits for anything else, nobody waits for it.

use crate::sys::{Child, Program, SpawnError};
use rustix::{
    io::Errno,
    net::{RecvAncillaryBuffer, RecvFlags, ReturnFlags, Shutdown, recv, recvmsg, shutdown},
    pipe::{PipeFlags, pipe_with},
};
use std::{
    io::IoSliceMut,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

/// The option, without its dashes, by which this program is told to be such a process.
pub(crate) const OPTION: &str = "close-descriptors";
/// How many such processes there may be, should they not end.
const MAX_PROCESSES: usize = 16;
/// How many connections may wait for one, before nobody is let in at `admin.sock` any more.
const MAX_WAITING: usize = 64;
/// How long they wait, at least.
const CLOSE_DELAY: Duration = Duration::from_millis(100);
/// More packets than can wait in a connection: `net.unix.max_dgram_qlen` is 10 unless it was raised.
const MAX_PACKETS: usize = 64;

/// What is in front of a connection's queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QueueHead {
    /// Nothing, or the end.
    Nothing,
    /// A packet.
    Packet,
    /// A packet with descriptors.
    Descriptors,
}

/// Looks, and takes nothing: descriptors of a packet that is only looked at stay where they are.
pub(crate) fn front(socket: &OwnedFd) -> QueueHead {
    let mut byte = [0];
    let mut buffer = [IoSliceMut::new(&mut byte)];
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    match recvmsg(socket, &mut buffer, &mut RecvAncillaryBuffer::default(), flags) {
        // There is no room for them in the call, and that is told.
        Ok(message) if message.flags.contains(ReturnFlags::CTRUNC) => QueueHead::Descriptors,
        Ok(message) if message.bytes > 0 => QueueHead::Packet,
        _ => QueueHead::Nothing,
    }
}

/// Closes what should not be closed here.
#[derive(Debug)]
pub(crate) struct DeferredClose {
    /// Whether the kernel lets descriptors come at all.
    pub(crate) needed: bool,
    waiting: Vec<OwnedFd>,
    processes: Vec<Child>,
    /// When it is looked after those two.
    due: Option<Instant>,
}

impl DeferredClose {
    pub(crate) fn new(needed: bool) -> Self {
        Self { needed, waiting: Vec::new(), processes: Vec::new(), due: None }
    }

    /// Closes a connection here, or has it closed soon.
    pub(crate) fn close(&mut self, socket: OwnedFd) {
        if self.needed && holds_descriptors(&socket) {
            self.waiting.push(socket);
            self.due = self.due.or_else(|| Some(Instant::now() + CLOSE_DELAY));
        }
    }

    /// Whether so much waits that nobody should be let in.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MAX_WAITING
    }

    /// When there is something to be done.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sees which processes have ended, and starts one for all that waits. However many connections
    /// somebody makes, it is one process at a time that is started for them.
    pub(crate) fn tend(&mut self, now: Instant) {
        self.processes.retain_mut(|process| process.status().is_none());
        if !self.waiting.is_empty() && self.processes.len() < MAX_PROCESSES {
            match self.hand_over() {
                Ok(process) => self.processes.push(process),
                Err(error) => log::error!("cannot have connections closed by ck-broker --{OPTION}: {error}"),
            }
        }
        let idle = self.processes.is_empty() && self.waiting.is_empty();
        self.due = (!idle).then(|| now + CLOSE_DELAY);
    }

    /// Gives all that waits to a process, which ends when it is the only one to have it.
    fn hand_over(&mut self) -> Result<Child, SpawnError> {
        let (theirs, ours) =
            pipe_with(PipeFlags::CLOEXEC).map_err(|errno| SpawnError::Prepare(errno.into()))?;
        let process = Program::own("ck-close-fds")
            .arg(format!("--{OPTION}"))
            .stdin(theirs)
            .keep(&self.waiting)
            .start()?;
        // Ours first, then what it waits for.
        self.waiting.clear();
        drop(ours);
        Ok(process)
    }
}

/// Whether there are descriptors anywhere in the queue. Nothing can come after that is known.
fn holds_descriptors(socket: &OwnedFd) -> bool {
    // What was sent still arrives, and then the peer sees the end, however long the rest takes.
    let _ = shutdown(socket, Shutdown::Both);
    for _ in 0..MAX_PACKETS {
        match front(socket) {
            QueueHead::Nothing => return false,
            QueueHead::Descriptors => return true,
            QueueHead::Packet => {
                if !matches!(recv(socket, &mut [0; 1], RecvFlags::DONTWAIT), Ok(_) | Err(Errno::INTR)) {
                    return false;
                }
            }
        }
    }
    true
}
