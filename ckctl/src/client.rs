//! The connection to the broker: requests and replies.

use crate::lookup::{Last, find};
use ck_protocol::{
    AdminRequest, DecodeError, EncodeError, Fact, Linger, Message, PROTOCOL, Pid, Protocol, Refusal,
    RefusalCode, Reply, Seat, Session, SessionId, Status, TeardownDetail, TeardownId, Told, User, Version,
    limits,
};
use nix::sys::socket::{getsockopt, sockopt};
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
        socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    time::Duration,
};

/// The time limit for one reply.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most facts that are read. A broker has about twenty.
const MAX_FACTS: usize = 4096;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The path is too long for a socket.
    #[error("the path {} is too long for a socket: use one shorter than 108 bytes", .0.display())]
    PathTooLong(PathBuf),
    /// socket(2) or setsockopt(2) failed.
    #[error("cannot make a socket: {0}")]
    Socket(Errno),
    /// No broker listens at the path.
    #[error("no broker answers at {}: {source}; is ck-broker running?", path.display())]
    Connect {
        /// The path of the socket.
        path: PathBuf,
        /// The error of connect(2) or of the look-up of the path.
        source: Errno,
    },
    /// A process of another user than root listens at the path. Its replies could be false.
    #[error("{}: opened by uid {uid}, not by root: not trusted; stop that process or give another --socket", path.display())]
    Untrusted {
        /// The path of the socket.
        path: PathBuf,
        /// The user who listens.
        uid: u32,
    },
    /// `SO_PEERCRED` failed.
    #[error("cannot find out who listens at {}: {source}", path.display())]
    Peer {
        /// The path of the socket.
        path: PathBuf,
        /// The error of getsockopt(2).
        source: nix::errno::Errno,
    },
    /// The broker did not accept the connection, read the request or reply within [`REPLY_TIMEOUT`].
    #[error(
        "ck-broker does not answer within {} s: see `systemctl status ck-broker` and its log",
        REPLY_TIMEOUT.as_secs()
    )]
    TimedOut,
    /// The request could not be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The request could not be sent.
    #[error("cannot send to ck-broker: {0}")]
    Send(Errno),
    /// The reply could not be received.
    #[error("cannot receive from ck-broker: {0}")]
    Receive(Errno),
    /// The broker closed the connection before the reply was complete.
    #[error(
        "ck-broker closed the connection without an answer: try again; if it does so again, see `ck-broker --check-config` and its log"
    )]
    Closed,
    /// The broker closed the connection of a subscriber.
    #[error("ck-broker has closed the connection: start `ckctl watch` again")]
    SubscriptionClosed,
    /// The reply could not be decoded.
    #[error("invalid reply from ck-broker: {0}; install the same release of ck-broker and ckctl")]
    Decode(DecodeError),
    /// The reply belongs to another request.
    #[error("unexpected reply from ck-broker: install the same release of ck-broker and ckctl")]
    Unexpected,
    /// The broker refused the request.
    #[error("{message}")]
    Refused {
        /// The reason, for programs.
        code: RefusalCode,
        /// The reason, for people. It is printable.
        message: String,
    },
}

impl ClientError {
    /// The exit status: 1 if the broker refused the request, 3 if there is no usable reply.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused {
                code: RefusalCode::Busy | RefusalCode::Malformed | RefusalCode::Version, ..
            } => 3,
            Self::Refused { .. } => 1,
            _ => 3,
        }
    }
}

/// A connection to the broker.
#[derive(Debug)]
pub struct Client {
    socket: OwnedFd,
    path: PathBuf,
    protocol: Protocol,
    /// The version of the protocol: the newest, unless the broker does not know it.
    version: Version,
    /// The last request, until the first reply to it.
    unanswered: Option<AdminRequest>,
}

impl Client {
    /// Connects to the broker that listens at `path`. Root must have opened the socket.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        Self::speaking(PROTOCOL, path)
    }

    /// The same with the versions of `protocol`.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn speaking(protocol: Protocol, path: &Path) -> Result<Self, ClientError> {
        let (socket, version) = (connected(path)?, protocol.newest());
        Ok(Self { socket, path: path.to_owned(), protocol, version, unanswered: None })
    }

    /// The pid of the broker, or of the service manager that opened the socket. `None`: the process is in no pid namespace that
    /// this one can see.
    #[must_use]
    pub fn broker_pid(&self) -> Option<Pid> {
        let peer = getsockopt(&self.socket, sockopt::PeerCredentials).ok()?;
        Pid::try_from(peer.pid()).ok()
    }

    /// All sessions, ordered by id.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn list(&mut self) -> Result<Vec<Session>, ClientError> {
        self.collect(AdminRequest::List, |reply| match reply {
            Reply::Session(session) => Some(*session),
            _ => None,
        })
    }

    /// One session.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn show(&mut self, id: SessionId) -> Result<Session, ClientError> {
        match self.ask(AdminRequest::Show(id))? {
            Reply::Session(session) => Ok(*session),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// The facts about the broker. An older broker is asked for its [`Status`], which contains fewer facts.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn facts(&mut self) -> Result<Vec<Fact>, ClientError> {
        self.send(AdminRequest::Facts)?;
        let mut facts = Vec::new();
        for _ in 0..MAX_FACTS {
            match self.receive() {
                Ok(Reply::Fact(fact)) => facts.push(fact),
                Ok(Reply::End) => return Ok(facts),
                Ok(_) => return Err(ClientError::Unexpected),
                // The value is of a kind that only a newer broker knows. The next packet can be decoded all the same.
                Err(ClientError::Decode(DecodeError::Malformed(_))) => {}
                // The broker does not know the request, and has closed the connection.
                Err(ClientError::Refused { code: RefusalCode::Malformed, .. }) => {
                    self.socket = connected(&self.path)?;
                    return Ok(self.status()?.facts());
                }
                Err(error) => return Err(error),
            }
        }
        Err(ClientError::Unexpected)
    }

    /// The state of an older broker.
    fn status(&mut self) -> Result<Status, ClientError> {
        match self.ask(AdminRequest::Status)? {
            Reply::Status(status) => Ok(status),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Problems that the facts do not count, one line for each.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn problems(&mut self) -> Result<Vec<Message>, ClientError> {
        self.collect(AdminRequest::Problems, |reply| match reply {
            Reply::Problem(problem) => Some(problem),
            _ => None,
        })
    }

    /// All teardowns that are not finished, ordered by id.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn teardowns(&mut self) -> Result<Vec<TeardownDetail>, ClientError> {
        self.collect(AdminRequest::TeardownDetails, |reply| match reply {
            Reply::TeardownDetail(teardown) => Some(*teardown),
            _ => None,
        })
    }

    /// Requests another try of the teardown `only`, or of all that failed. Returns their number.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn retry_teardowns(&mut self, only: Option<TeardownId>) -> Result<u64, ClientError> {
        match self.ask(AdminRequest::RetryTeardowns(only))? {
            Reply::Retrying(count) => Ok(count),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Subscribes to events. The broker sends a snapshot first.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn subscribe(&mut self) -> Result<(), ClientError> {
        self.send(AdminRequest::Subscribe)
    }

    /// The next reply to a subscriber. The wait is limited to [`REPLY_TIMEOUT`]. Use [`AsFd`] to wait for longer.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn next_told(&mut self) -> Result<Reply, ClientError> {
        match self.receive() {
            Err(ClientError::Closed) => Err(ClientError::SubscriptionClosed),
            received => received,
        }
    }

    /// Turns lingering of a user on or off. Returns how many sessions the user has.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn linger(&mut self, request: Linger) -> Result<u64, ClientError> {
        self.act(AdminRequest::Linger(request))
    }

    /// The users who linger, ordered by uid.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn lingerers(&mut self) -> Result<Vec<User>, ClientError> {
        self.collect(AdminRequest::Linger(Linger::List), user)
    }

    /// All users, ordered by uid.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn users(&mut self) -> Result<Vec<User>, ClientError> {
        self.collect(AdminRequest::Users, user)
    }

    /// All seats.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn seats(&mut self) -> Result<Vec<Seat>, ClientError> {
        self.collect(AdminRequest::Seats, |reply| match reply {
            Reply::Seat(seat) => Some(*seat),
            _ => None,
        })
    }

    /// Sends a request that acts on sessions. Returns their number.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn act(&mut self, request: AdminRequest) -> Result<u64, ClientError> {
        match self.ask(request)? {
            Reply::Done(count) => Ok(count),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Sends a request to lock or unlock a session. Returns who was told; a broker of version 1 does not say that.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn request_lock(&mut self, request: AdminRequest) -> Result<Option<Told>, ClientError> {
        match self.ask(request)? {
            Reply::Told(told) => Ok(Some(*told)),
            Reply::Done(_) => Ok(None),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// The replies up to [`Reply::End`], each converted by `of`.
    fn collect<T>(
        &mut self,
        request: AdminRequest,
        of: fn(Reply) -> Option<T>,
    ) -> Result<Vec<T>, ClientError> {
        let mut items = Vec::new();
        let mut reply = self.ask(request)?;
        while reply != Reply::End {
            items.push(of(reply).ok_or(ClientError::Unexpected)?);
            reply = self.receive()?;
        }
        Ok(items)
    }

    fn ask(&mut self, request: AdminRequest) -> Result<Reply, ClientError> {
        self.send(request)?;
        self.receive()
    }

    fn send(&mut self, request: AdminRequest) -> Result<(), ClientError> {
        let mut buffer = [0; limits::REQUEST];
        let packet = self.version.encode(&request, &mut buffer)?;
        self.unanswered = Some(request);
        match send(&self.socket, packet, SendFlags::NOSIGNAL) {
            // The broker refused the connection before the request. The refusal can be received.
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(Errno::AGAIN) => Err(ClientError::TimedOut),
            Err(errno) => Err(ClientError::Send(errno)),
        }
    }

    /// The next reply. If the broker does not know the version of the request, the request is sent again in the oldest version.
    /// That takes another connection, because the broker closes this one.
    fn receive(&mut self) -> Result<Reply, ClientError> {
        let reply = self.receive_once();
        let (request, oldest) = (self.unanswered.take(), self.protocol.oldest());
        match (reply, request) {
            (Err(ClientError::Refused { code: RefusalCode::Version, .. }), Some(request))
                if self.version != oldest =>
            {
                self.version = oldest;
                self.socket = connected(&self.path)?;
                self.send(request)?;
                self.receive_once()
            }
            (reply, _) => reply,
        }
    }

    fn receive_once(&self) -> Result<Reply, ClientError> {
        let mut buffer = [0; limits::REPLY + 1];
        let length = loop {
            match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(ClientError::Closed),
                Ok((length, _)) => break length,
                // A broker that refuses the connection closes it before it has read the request. The kernel reports
                // that once, before the refusal can be received: unix(7).
                Err(Errno::INTR | Errno::CONNRESET) => {}
                // The timeout of the socket: socket(7).
                Err(Errno::AGAIN) => return Err(ClientError::TimedOut),
                Err(errno) => return Err(ClientError::Receive(errno)),
            }
        };
        let packet = buffer.get(..length).unwrap_or_default();
        match self.protocol.decode(packet, limits::REPLY).map_err(ClientError::Decode)? {
            (_, Reply::Refused(Refusal { code, message })) => {
                Err(ClientError::Refused { code, message: message.to_string() })
            }
            (_, reply) => Ok(reply),
        }
    }
}

fn user(reply: Reply) -> Option<User> {
    match reply {
        Reply::User(user) => Some(*user),
        _ => None,
    }
}

/// Connects a socket to the broker at `path`.
fn connected(path: &Path) -> Result<OwnedFd, ClientError> {
    let name = |path: &Path| SocketAddrUnix::new(path).map_err(|_| ClientError::PathTooLong(path.to_owned()));
    let failed = |source| match source {
        // The queue of the socket stays full.
        Errno::AGAIN => ClientError::TimedOut,
        source => ClientError::Connect { path: path.to_owned(), source },
    };
    // The message about a path that is too long names the path that was given, not the target of a link.
    name(path)?;
    // connect(2) would wait without a limit for a directory that somebody holds. It does not while `place` is open.
    let place = find(path, Last::Follow).map_err(failed)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(ClientError::Socket)?;
    // The timeout for sending also limits the wait for a full queue of the socket: unix(7).
    for timeout in [Timeout::Send, Timeout::Recv] {
        set_socket_timeout(&socket, timeout, Some(REPLY_TIMEOUT)).map_err(ClientError::Socket)?;
    }
    connect(&socket, &name(&place.path)?).map_err(failed)?;
    let owner = getsockopt(&socket, sockopt::PeerCredentials)
        .map_err(|source| ClientError::Peer { path: path.to_owned(), source })?
        .uid();
    if owner != 0 {
        return Err(ClientError::Untrusted { path: path.to_owned(), uid: owner });
    }
    Ok(socket)
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
