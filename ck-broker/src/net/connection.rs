//! One connection: who is at its other end, and what it is still to be sent.

use super::{
    deferred_close::{self, QueueHead},
    room::Holder,
};
use crate::{limits::PeerClass, poller::Endpoint, process, sys};
use ck_core::metrics::LoginTimer;
use ck_protocol::{
    DecodeError, EncodeError, Fact, Framed, Pid, Protocol, Reply, SessionId, TeardownId, Uid, Version, limits,
};
use nix::sys::socket::{UnixCredentials, getsockopt, sockopt};
use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags, recv, send},
};
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
    time::{Duration, Instant},
};

/// How long a connection may do nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nobody is pushed out who reads an answer.
const READING_TIME: Duration = Duration::from_secs(1);

/// Why somebody is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unwelcome {
    #[error("cannot tell who it is: {0}")]
    Unknown(nix::errno::Errno),
    #[error("its process is in a pid namespace that is not below ours, so its life cannot be followed")]
    ForeignNamespace,
    #[error("uid {0} may not open sessions, only root may")]
    NotRoot(u32),
    #[error("its process cannot be watched: {0}")]
    Unwatchable(io::Error),
}

/// The process that connected, as the kernel named it then.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) pid: Pid,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// The process itself; on `session.sock` only.
    pub(crate) process: Option<OwnedFd>,
}

/// What is still to be sent.
#[derive(Debug)]
pub(crate) enum PendingReply {
    /// Nothing: a request may come.
    Empty,
    /// A packet that found no room.
    Packet(Vec<u8>),
    /// The sessions from this one on, then the end mark. Only the place is kept, so a list
    /// costs a slow reader's broker nothing.
    Sessions(SessionId),
    /// The teardowns from this one on, then the end mark.
    Teardowns(TeardownId),
    /// The same, with all that is known of them.
    TeardownDetails(TeardownId),
    /// The problems but the first so many, then the end mark.
    Problems(usize),
    /// Changes, for as long as the peer is there: see [`ck_core::events`]. Nothing may be asked any more.
    Changes,
    /// Those who linger after this one, then the end mark.
    Lingerers(Option<Uid>),
    /// The seats but the first so many, then the end mark.
    Seats(usize),
    /// The users from this one on, if any can follow, then the end mark.
    Users(Option<Uid>),
    /// These facts but the first so many, all of one moment, then the end mark.
    Facts(Rc<[Fact]>, usize),
}

/// What a peer waits for that is not ready yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Nothing.
    Nothing,
    /// The hooks of the session that it has opened.
    Hooks(SessionId),
    /// A switch of virtual terminals.
    Switch,
}

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// There is no room now.
    Full,
    /// There is nobody to send to any more.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Connection {
    socket: OwnedFd,
    protocol: Protocol,
    /// The version in which the peer is answered: of what it spoke last; before it has said anything, the oldest.
    version: Version,
    pub(crate) endpoint: Endpoint,
    pub(crate) peer: Peer,
    pub(crate) pending: PendingReply,
    /// When it is closed if nothing goes forward; a subscriber's never.
    pub(crate) deadline: Option<Instant>,
    /// The peer gets its reply when this is over.
    pub(crate) awaits: Awaited,
    /// Whether an epoll knows of it.
    pub(crate) watched: bool,
    /// The peers that it shares places with: decided when it connects.
    pub(crate) class: PeerClass,
    /// When it connected, or asked last.
    pub(crate) asked: Instant,
    /// Measures the login that a module asks for. `None` at `admin.sock`, and once the login is replied to.
    pub(crate) login: Option<LoginTimer>,
}

impl Peer {
    /// What the kernel says of who connected `socket`.
    pub(crate) fn credentials(socket: &OwnedFd) -> Result<UnixCredentials, Unwelcome> {
        getsockopt(socket, sockopt::PeerCredentials).map_err(Unwelcome::Unknown)
    }

    /// Who connected `socket` through `endpoint`, with these credentials, if they may.
    pub(crate) fn of(
        credentials: UnixCredentials,
        socket: &OwnedFd,
        endpoint: Endpoint,
    ) -> Result<Self, Unwelcome> {
        let (uid, gid) = (credentials.uid(), credentials.gid());
        // The kernel has no number in our namespace for a process of a foreign one, and gives 0.
        let pid = Pid::try_from(credentials.pid()).map_err(|_| Unwelcome::ForeignNamespace)?;
        let process = match endpoint {
            // The permissions of the socket say so too; they could be changed by hand.
            Endpoint::Session if uid != 0 => return Err(Unwelcome::NotRoot(uid)),
            Endpoint::Session => Some(process::peer(socket, pid).map_err(Unwelcome::Unwatchable)?),
            Endpoint::Admin => None,
        };
        Ok(Self { pid, uid, gid, process })
    }
}

impl Connection {
    pub(crate) fn new(
        socket: OwnedFd,
        protocol: Protocol,
        endpoint: Endpoint,
        peer: Peer,
        now: Instant,
    ) -> Self {
        let class = if peer.uid == 0 { PeerClass::Root } else { PeerClass::Strangers };
        Self {
            socket,
            protocol,
            version: protocol.oldest(),
            endpoint,
            peer,
            pending: PendingReply::Empty,
            deadline: Some(now + IDLE_TIMEOUT),
            awaits: Awaited::Nothing,
            watched: false,
            class,
            asked: now,
            login: (endpoint == Endpoint::Session).then(|| LoginTimer::start(now)),
        }
    }

    /// The connection, as those who share places count it.
    pub(crate) fn holder(&self, key: u64) -> Holder {
        let is_subscriber = matches!(self.pending, PendingReply::Changes);
        Holder { key, uid: self.peer.uid, is_subscriber, since: self.asked }
    }

    /// Something went forward: the patience begins anew.
    pub(crate) fn moved(&mut self, now: Instant) {
        self.deadline = self.deadline.map(|_| now + IDLE_TIMEOUT);
    }

    /// Whether the peer was in the group when it connected.
    pub(crate) fn is_in(&self, group: Option<u32>) -> bool {
        let among = |group| match sys::peer_groups(&self.socket) {
            Ok(groups) => groups.contains(&group),
            Err(errno) => {
                log::error!("cannot tell the groups of process {}: {errno}", self.peer.pid);
                false
            }
        };
        // Root may everything without it.
        self.peer.uid != 0 && group.is_some_and(|group| self.peer.gid == group || among(group))
    }

    /// A descriptor of the peer's process.
    pub(crate) fn process(&mut self) -> io::Result<(&OwnedFd, Pid)> {
        let process = self.take_process()?;
        let pid = self.peer.pid;
        Ok((&*self.peer.process.insert(process), pid))
    }

    /// The same, to watch it by.
    pub(crate) fn take_process(&mut self) -> io::Result<OwnedFd> {
        match self.peer.process.take() {
            Some(process) => Ok(process),
            // It has opened a session before, which is watched by that one.
            None => process::peer(&self.socket, self.peer.pid),
        }
    }

    /// Takes one packet. `None` when there is none now; an empty one at the end. What is sent from here on is in the version of the
    /// packet, or in the nearest that is spoken here.
    pub(crate) fn receive<'b>(
        &mut self,
        buffer: &'b mut [u8; limits::REQUEST + 1],
    ) -> Result<Option<&'b [u8]>, Errno> {
        // Without control data in the call, descriptors that a peer pushes are dropped by the kernel,
        // where it could not refuse them (see `descriptors`). A packet over the limit fills the one byte
        // more, and is known by it.
        match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((length, _)) => {
                let packet = buffer.get(..length).unwrap_or_default();
                self.version = self.protocol.answer_to(packet);
                Ok(Some(packet))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// What the packet asks for.
    pub(crate) fn decode<T: Framed>(&self, packet: &[u8]) -> Result<T, DecodeError> {
        self.protocol.decode(packet, limits::REQUEST).map(|(_, request)| request)
    }

    /// The version in which the peer is answered.
    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// The packet in which the peer is sent `reply`.
    pub(crate) fn encode<'b>(
        &self,
        reply: &Reply,
        buffer: &'b mut [u8; limits::REPLY],
    ) -> Result<&'b [u8], EncodeError> {
        self.version.encode(reply, buffer)
    }

    /// Its socket, for who closes it.
    pub(crate) fn into_socket(self) -> OwnedFd {
        self.socket
    }

    /// True if the peer does nothing: it has not asked, or does not read what it asked for some time ago. A request that was taken at
    /// this very moment has no reply yet.
    pub(crate) fn is_idle(&self, now: Instant) -> bool {
        match self.pending {
            _ if self.awaits != Awaited::Nothing => false,
            PendingReply::Changes => true,
            PendingReply::Empty => {
                self.asked < now && deferred_close::front(&self.socket) == QueueHead::Nothing
            }
            _ => now.saturating_duration_since(self.asked) > READING_TIME,
        }
    }

    /// Whether the next packet has descriptors.
    pub(crate) fn brings_descriptors(&self) -> bool {
        deferred_close::front(&self.socket) == QueueHead::Descriptors
    }

    /// Sends one packet now, or not.
    pub(crate) fn send(&self, packet: &[u8]) -> Sent {
        send_now(self.socket.as_fd(), packet)
    }
}

/// Sends one packet now, or not.
pub(crate) fn send_now(socket: BorrowedFd<'_>, packet: &[u8]) -> Sent {
    match send(socket, packet, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
        Ok(_) => Sent::Yes,
        Err(Errno::AGAIN | Errno::INTR) => Sent::Full,
        Err(_) => Sent::Gone,
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::PROTOCOL;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    /// A connection, and its other end.
    fn connection(now: Instant) -> (Connection, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
        let peer = Peer { pid: Pid::try_from(1).unwrap(), uid: 2001, gid: 2001, process: None };
        (Connection::new(ours, PROTOCOL, Endpoint::Admin, peer, now), theirs)
    }

    #[test]
    fn who_has_asked_is_not_idle_and_who_does_not_read_is_so_soon() {
        let asked = Instant::now();
        let (mut connection, theirs) = connection(asked);
        let now = asked + Duration::from_millis(1);
        assert!(connection.is_idle(now) && !connection.is_idle(asked));
        assert_eq!(send_now(theirs.as_fd(), b"a request"), Sent::Yes);
        assert!(!connection.is_idle(now), "it waits to be taken");
        assert!(connection.receive(&mut [0; limits::REQUEST + 1]).unwrap().is_some());
        connection.pending = PendingReply::Sessions(SessionId::FIRST);
        assert!(!connection.is_idle(asked + READING_TIME) && connection.is_idle(asked + 2 * READING_TIME));
        connection.awaits = Awaited::Hooks(SessionId::FIRST);
        assert!(!connection.is_idle(now + 2 * READING_TIME), "it waits for us");
    }

    #[test]
    fn who_only_listens_and_who_has_gone_are_idle() {
        let asked = Instant::now();
        let (mut connection, theirs) = connection(asked);
        let now = asked + Duration::from_millis(1);
        connection.pending = PendingReply::Changes;
        assert!(connection.is_idle(now));
        connection.pending = PendingReply::Empty;
        drop(theirs);
        assert!(connection.is_idle(now));
    }
}

#[cfg(test)]
mod versions_tests;
