//! The publisher as the broker sees it: a process at the other end of a socket.

use super::{
    OPTION,
    packet::{ANSWER, Answer, Packet},
};
use crate::{
    log_sink,
    sys::{Child, Program},
};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
        sockopt::set_socket_send_buffer_size,
    },
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

/// The room for what is under way, in bytes.
const ROOM: usize = 512 << 10;
/// From when on it counts as a problem that the publisher does not answer.
const SLOW: Duration = Duration::from_secs(2);

/// The process, and what is under way to it.
#[derive(Debug)]
pub(super) struct Link {
    socket: OwnedFd,
    process: Child,
    /// The number of the last packet that was sent.
    sent: u64,
    /// The number of the last packet that was answered.
    answered: u64,
    /// Since when the next answer is waited for.
    waits_since: Instant,
    /// True while there is no room for a packet.
    pub(super) is_full: bool,
}

impl Link {
    /// Starts a process, which locks `lock`.
    ///
    /// # Errors
    /// socketpair(2), or the process could not be started.
    pub(super) fn start(lock: &Path, now: Instant) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC;
        let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        // All pieces of the longest file: net.core.wmem_max allows about this much.
        set_socket_send_buffer_size(&socket, ROOM)?;
        let program = log_sink::pass_on(Program::own("ck-publish")).option(&format!("--{OPTION}="), lock);
        let process = program.stdin(theirs).start().map_err(io::Error::other)?;
        Ok(Self { socket, process, sent: 0, answered: 0, waits_since: now, is_full: false })
    }

    /// The number of the last packet.
    pub(super) fn last_sent(&self) -> u64 {
        self.sent
    }

    /// True if the packet with this number is not answered yet.
    pub(super) fn is_unanswered(&self, number: u64) -> bool {
        number > self.answered
    }

    /// True if an answer is waited for, and has been for this long.
    pub(super) fn owes_answer_since(&self, now: Instant, time: Duration) -> bool {
        self.is_unanswered(self.sent) && now.saturating_duration_since(self.waits_since) > time
    }

    /// Sends a packet with the next number. False: there is no room.
    ///
    /// # Errors
    /// send(2): the process is gone.
    pub(super) fn send(&mut self, fill: impl FnOnce(&mut Packet)) -> io::Result<bool> {
        let mut packet = Packet::new(self.sent + 1);
        fill(&mut packet);
        match send(&self.socket, packet.bytes(), SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(_) => {
                if !self.is_unanswered(self.sent) {
                    self.waits_since = Instant::now();
                }
                self.sent += 1;
                Ok(true)
            }
            Err(Errno::AGAIN | Errno::INTR | Errno::NOBUFS) => {
                self.is_full = true;
                Ok(false)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// The next answer, if there is one.
    ///
    /// # Errors
    /// recv(2), or the process has ended.
    pub(super) fn receive(&mut self, now: Instant) -> io::Result<Option<Answer>> {
        let mut buffer = [0; ANSWER];
        let length = match recv(&self.socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => return Err(io::Error::other("it has ended")),
            Ok((length, _)) => length,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let answer = Answer::read(buffer.get(..length).unwrap_or_default());
        if let Some(answer) = &answer {
            (self.answered, self.waits_since) = (answer.number, now);
        }
        Ok(answer)
    }

    /// The pid of the process, if it has not answered for long.
    pub(super) fn slow_process(&self, now: Instant) -> Option<i32> {
        self.owes_answer_since(now, SLOW).then(|| self.process.pid())
    }

    /// Closes the socket, with which the process ends.
    pub(super) fn close(self) -> Child {
        self.process
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
