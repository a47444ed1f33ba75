//! One question to the broker and its answer, within one deadline.

use crate::lookup::{Last, find};
use ck_protocol::{
    DecodeError, EncodeError, PROTOCOL, Protocol, Refusal, RefusalCode, Reply, SessionRequest, Version,
    limits,
};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use rustix::{
    fd::{AsFd, OwnedFd},
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
        socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use std::{
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long a broker that has hung up gets to come back, before the one retry.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// A question that was not answered.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach the session broker at {path}: {source}")]
pub(crate) struct Failure {
    /// Whether the broker may have carried the request out all the same.
    pub(crate) may_be_done: bool,
    path: PathBuf,
    source: ClientError,
}

/// What went wrong on the way to the broker or back.
#[derive(Debug, thiserror::Error)]
enum ClientError {
    #[error("cannot make a socket: {0}")]
    Socket(Errno),
    #[error("{0} (a socket path has at most 107 bytes: see unix(7))")]
    Address(Errno),
    #[error("{source} ({hint})", source = .0, hint = hint(*.0))]
    Connect(Errno),
    #[error("it took no connection within {ms} ms (is it stopped or overloaded?)", ms = .0.as_millis())]
    Crowded(Duration),
    #[error("cannot see whose socket it is: {0}")]
    Credentials(nix::errno::Errno),
    #[error("the socket belongs to uid {0}, not to root (who put it there?)")]
    Owner(u32),
    #[error(transparent)]
    Encode(EncodeError),
    #[error("cannot send: {0}")]
    Send(Errno),
    #[error("cannot receive: {0}")]
    Receive(Errno),
    #[error("it hung up (see its log)")]
    HungUp,
    #[error("it gave no answer within {ms} ms (is it stopped or overloaded?)", ms = .0.as_millis())]
    Silent(Duration),
    #[error("its answer is none: {0}")]
    Reply(DecodeError),
}

impl ClientError {
    /// Whether the request had been sent when this happened.
    fn after_sending(&self) -> bool {
        matches!(self, Self::HungUp | Self::Silent(_) | Self::Receive(_) | Self::Reply(_))
    }
}

fn hint(errno: Errno) -> &'static str {
    match errno {
        Errno::ACCESS | Errno::PERM => "only root can ask for a session",
        Errno::PROTOTYPE => "that is no socket of a session broker: correct the option socket=",
        _ => "is ck-broker running?",
    }
}

/// A broker that has to answer before a deadline.
pub(crate) struct Client<'p> {
    path: &'p Path,
    protocol: Protocol,
    timeout: Duration,
    deadline: Instant,
}

impl<'p> Client<'p> {
    /// The broker that listens at `path`, with `timeout` from now for everything.
    pub(crate) fn new(path: &'p Path, timeout: Duration) -> Self {
        Self::speaking(PROTOCOL, path, timeout)
    }

    /// The same, for whoever speaks other versions.
    pub(crate) fn speaking(protocol: Protocol, path: &'p Path, timeout: Duration) -> Self {
        Self { path, protocol, timeout, deadline: Instant::now() + timeout }
    }

    /// Sends `request` in the current version and returns the reply. A broker that does not speak that version has done nothing:
    /// it is asked again in the oldest version that is spoken here.
    ///
    /// # Errors
    /// [`Failure`], at the latest when the deadline is over.
    pub(crate) fn ask(&self, request: &SessionRequest) -> Result<Reply, Failure> {
        let (newest, oldest) = (self.protocol.newest(), self.protocol.oldest());
        let mut hung_up = false;
        let mut answer = self.ask_in(newest, request, &mut hung_up);
        if newest != oldest && matches!(&answer, Ok(reply) if is_of_other_version(reply)) {
            answer = self.ask_in(oldest, request, &mut hung_up);
        }
        answer.map_err(|source| {
            // The first request may have been carried out, whatever became of the next.
            let may_be_done = hung_up || source.after_sending();
            Failure { may_be_done, path: self.path.into(), source }
        })
    }

    /// Asks once more if the broker hangs up in between, and takes note of that: a request names its session by token or id, so
    /// asking twice does no more than asking once.
    fn ask_in(
        &self,
        version: Version,
        request: &SessionRequest,
        hung_up: &mut bool,
    ) -> Result<Reply, ClientError> {
        let mut room = [0; limits::REQUEST];
        let packet = version.encode(request, &mut room).map_err(ClientError::Encode)?;
        match self.exchange(packet) {
            Err(ClientError::HungUp) => {
                *hung_up = true;
                thread::sleep(RETRY_PAUSE.min(self.remaining().unwrap_or_default()));
                self.exchange(packet)
            }
            once => once,
        }
    }

    /// One connection, one packet each way.
    fn exchange(&self, packet: &[u8]) -> Result<Reply, ClientError> {
        let socket = self.connect()?;
        check_owner(&socket)?;
        match Self::send(&socket, packet) {
            // A broker that turns us away does so before it has read anything; what it said waits.
            Ok(()) | Err(ClientError::HungUp) => {}
            Err(error) => return Err(error),
        }
        let mut room = [0; limits::REPLY + 1];
        let reply = self.receive(&socket, &mut room)?;
        self.protocol.decode(reply, limits::REPLY).map(|(_, reply)| reply).map_err(ClientError::Reply)
    }

    /// Blocks in connect(2), which honours `SO_SNDTIMEO` on a unix socket: it waits for room in the
    /// queue of the listener, and nothing else could, because poll(2) does not tell of that room.
    ///
    /// What honours no timeout is its look-up of the path; so `place` is found before and kept meanwhile, and
    /// every name is in the cache. To connect by `/proc/self/fd/N` instead would be to wait for whoever holds
    /// `/proc`, where a process's own name is not cached before somebody has asked for it (seen on 6.18).
    fn connect(&self) -> Result<OwnedFd, ClientError> {
        // First: that a path is too long is to be told of the one that was configured.
        SocketAddrUnix::new(self.path).map_err(ClientError::Address)?;
        let place = find(self.path, Last::Follow).map_err(ClientError::Connect)?;
        let address = SocketAddrUnix::new(&place.path).map_err(ClientError::Address)?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(ClientError::Socket)?;
        match self.before_deadline(&socket, Timeout::Send, || connect(&socket, &address)) {
            Ok(()) => Ok(socket),
            Err(Errno::AGAIN) => Err(ClientError::Crowded(self.timeout)),
            Err(source) => Err(ClientError::Connect(source)),
        }
    }

    /// Does not wait: the first packet of a connection finds room. Linux sends no SIGPIPE for a packet that
    /// nobody takes (seen on 6.18), but promises that only for `MSG_NOSIGNAL`: to login and su the signal would
    /// be the end.
    fn send(socket: &OwnedFd, packet: &[u8]) -> Result<(), ClientError> {
        match send(socket, packet, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(_) => Ok(()),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(ClientError::HungUp),
            Err(source) => Err(ClientError::Send(source)),
        }
    }

    /// The next packet. `room` is one byte more than a reply may have, so that a longer one shows.
    fn receive<'r>(&self, socket: &OwnedFd, room: &'r mut [u8]) -> Result<&'r [u8], ClientError> {
        let mut recv = || recv(socket, &mut *room, RecvFlags::empty());
        // A peer that closed before it had read all is reported as a reset: once, and ahead of what it
        // had sent (unix(7)).
        let past_reset = || match recv() {
            Err(Errno::CONNRESET) => recv(),
            received => received,
        };
        match self.before_deadline(socket, Timeout::Recv, past_reset) {
            Ok((0, _)) | Err(Errno::CONNRESET) => Err(ClientError::HungUp),
            Ok((length, _)) => Ok(room.get(..length).unwrap_or_default()),
            Err(Errno::AGAIN) => Err(ClientError::Silent(self.timeout)),
            Err(source) => Err(ClientError::Receive(source)),
        }
    }

    /// Runs a call that blocks at most as long as the socket's timeout for `direction` says; set to
    /// what is left, again after each signal. `EAGAIN` when the deadline is over.
    fn before_deadline<T>(
        &self,
        socket: impl AsFd,
        direction: Timeout,
        mut call: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        loop {
            let remaining = self.remaining().ok_or(Errno::AGAIN)?;
            set_socket_timeout(&socket, direction, Some(remaining))?;
            match call() {
                Err(Errno::INTR) => {}
                done => return done,
            }
        }
    }

    fn remaining(&self) -> Option<Duration> {
        self.deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

/// Whether the broker does not speak the version of the request.
fn is_of_other_version(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(Refusal { code: RefusalCode::Version, .. }))
}

/// Makes sure that root listens: `/run/ck-broker` is root's own, but `socket=` can name any place.
// By nix: rustix::net::UCred holds the pid as a non-zero number, and the kernel gives 0 for a peer
// in a pid namespace that is not below ours.
fn check_owner(socket: &OwnedFd) -> Result<(), ClientError> {
    match getsockopt(socket, PeerCredentials).map_err(ClientError::Credentials)?.uid() {
        0 => Ok(()),
        owner => Err(ClientError::Owner(owner)),
    }
}
