//! The conversation with the broker.

use crate::lookup::{Last, find};
use ck_protocol::{
    AdminRequest, DecodeError, EncodeError, Linger, Message, Refusal, RefusalCode, Reply, Seat, Session,
    SessionId, Status, TeardownDetail, TeardownId, User, decode, encode, limits,
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

/// How long the broker may take for one answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The path cannot be that of a socket.
    #[error("{}: the path of a socket must be shorter than 108 bytes", .0.display())]
    Name(PathBuf),
    /// No socket could be made.
    #[error("cannot make a socket: {0}")]
    Socket(Errno),
    /// Nobody listens.
    #[error("no broker answers at {}: {source}; is ck-broker running?", path.display())]
    Connect {
        /// Where.
        path: PathBuf,
        /// Why.
        source: Errno,
    },
    /// Somebody else than root listens, who could tell anything.
    #[error("{}: belongs to uid {uid}, not to root: not trusted", path.display())]
    Impostor {
        /// Where.
        path: PathBuf,
        /// Who.
        uid: u32,
    },
    /// The other side could not be asked for.
    #[error("cannot tell who listens at {}: {source}", path.display())]
    Peer {
        /// Where.
        path: PathBuf,
        /// Why.
        source: nix::errno::Errno,
    },
    /// The request could not be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The request could not be sent.
    #[error("cannot send to ck-broker: {0}")]
    Send(Errno),
    /// No answer came.
    #[error("no answer from ck-broker: {0}")]
    Receive(Errno),
    /// The connection ended before the answer did.
    #[error("ck-broker ended the connection before it had answered: try again")]
    Ended,
    /// The connection ended while changes were awaited.
    #[error("ck-broker has gone: it ended the connection")]
    Gone,
    /// The answer could not be read.
    #[error(transparent)]
    Decode(DecodeError),
    /// The answer belongs to another question.
    #[error("ck-broker answered something else: install one release of all parts")]
    Unexpected,
    /// The broker said no.
    #[error("{message}")]
    Refused {
        /// For programs.
        code: RefusalCode,
        /// For people, printable.
        message: String,
    },
}

impl ClientError {
    /// 1 when the broker said no, 3 when it said nothing of use.
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
pub struct Client(OwnedFd);

impl Client {
    /// Connects to the broker that listens at `path`, which must be root's.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let name = |path: &Path| SocketAddrUnix::new(path).map_err(|_| ClientError::Name(path.to_owned()));
        let nobody = |source| ClientError::Connect { path: path.to_owned(), source };
        // First: that a path is too long is to be told of the one that was asked for.
        name(path)?;
        // No timeout bounds the wait for who holds a directory; while `place` is kept, there is none.
        let place = find(path, Last::Follow).map_err(nobody)?;
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .map_err(ClientError::Socket)?;
        // On AF_UNIX the timeout for sending also bounds the wait for a full backlog: unix(7).
        for timeout in [Timeout::Send, Timeout::Recv] {
            set_socket_timeout(&socket, timeout, Some(PATIENCE)).map_err(ClientError::Socket)?;
        }
        connect(&socket, &name(&place.path)?).map_err(nobody)?;
        let owner = getsockopt(&socket, sockopt::PeerCredentials)
            .map_err(|source| ClientError::Peer { path: path.to_owned(), source })?
            .uid();
        if owner != 0 {
            return Err(ClientError::Impostor { path: path.to_owned(), uid: owner });
        }
        Ok(Self(socket))
    }

    /// All sessions, by id.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn list(&self) -> Result<Vec<Session>, ClientError> {
        self.send(AdminRequest::List)?;
        let mut sessions = Vec::new();
        loop {
            match self.receive()? {
                Reply::Session(session) => sessions.push(*session),
                Reply::End => return Ok(sessions),
                _ => return Err(ClientError::Unexpected),
            }
        }
    }

    /// One session.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn show(&self, id: SessionId) -> Result<Session, ClientError> {
        self.send(AdminRequest::Show(id))?;
        match self.receive()? {
            Reply::Session(session) => Ok(*session),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// How the broker is.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn status(&self) -> Result<Status, ClientError> {
        self.send(AdminRequest::Status)?;
        match self.receive()? {
            Reply::Status(status) => Ok(status),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// What somebody should look at, beside what the status counts: a line each, as the broker says it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn problems(&self) -> Result<Vec<Message>, ClientError> {
        self.send(AdminRequest::Problems)?;
        let mut problems = Vec::new();
        loop {
            match self.receive()? {
                Reply::Problem(problem) => problems.push(problem),
                Reply::End => return Ok(problems),
                _ => return Err(ClientError::Unexpected),
            }
        }
    }

    /// All teardowns that are not finished, by id.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn teardowns(&self) -> Result<Vec<TeardownDetail>, ClientError> {
        self.send(AdminRequest::TeardownDetails)?;
        let mut teardowns = Vec::new();
        loop {
            match self.receive()? {
                Reply::TeardownDetail(teardown) => teardowns.push(*teardown),
                Reply::End => return Ok(teardowns),
                _ => return Err(ClientError::Unexpected),
            }
        }
    }

    /// Has teardowns that were given up tried again; says how many.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn retry_teardowns(&self, only: Option<TeardownId>) -> Result<u64, ClientError> {
        self.send(AdminRequest::RetryTeardowns(only))?;
        match self.receive()? {
            Reply::Retrying(count) => Ok(count),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Asks to be told of everything that there is, and then of every change.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn subscribe(&self) -> Result<(), ClientError> {
        self.send(AdminRequest::Subscribe)
    }

    /// What a subscriber is told next. It waits for that no longer than [`PATIENCE`]: see first whether
    /// there is something, by [`AsFd`].
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn next_told(&self) -> Result<Reply, ClientError> {
        match self.receive() {
            Err(ClientError::Ended) => Err(ClientError::Gone),
            received => received,
        }
    }

    /// Says who lingers, or who does no longer; says how many sessions that user has.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn linger(&self, request: Linger) -> Result<u64, ClientError> {
        self.send(AdminRequest::Linger(request))?;
        match self.receive()? {
            Reply::Done(sessions) => Ok(sessions),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// The users who linger, by uid.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn lingerers(&self) -> Result<Vec<User>, ClientError> {
        self.send(AdminRequest::Linger(Linger::List))?;
        self.collect_users()
    }

    /// All users who are here, by uid.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn users(&self) -> Result<Vec<User>, ClientError> {
        self.send(AdminRequest::Users)?;
        self.collect_users()
    }

    fn collect_users(&self) -> Result<Vec<User>, ClientError> {
        let mut users = Vec::new();
        loop {
            match self.receive()? {
                Reply::User(user) => users.push(*user),
                Reply::End => return Ok(users),
                _ => return Err(ClientError::Unexpected),
            }
        }
    }

    /// All seats.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn seats(&self) -> Result<Vec<Seat>, ClientError> {
        self.send(AdminRequest::Seats)?;
        let mut seats = Vec::new();
        loop {
            match self.receive()? {
                Reply::Seat(seat) => seats.push(*seat),
                Reply::End => return Ok(seats),
                _ => return Err(ClientError::Unexpected),
            }
        }
    }

    /// Has something done; says how many sessions it was about.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn act(&self, request: AdminRequest) -> Result<u64, ClientError> {
        self.send(request)?;
        match self.receive()? {
            Reply::Done(count) => Ok(count),
            _ => Err(ClientError::Unexpected),
        }
    }

    fn send(&self, request: AdminRequest) -> Result<(), ClientError> {
        let mut buffer = [0; limits::REQUEST];
        let packet = encode(&request, &mut buffer)?;
        match send(&self.0, packet, SendFlags::NOSIGNAL) {
            // Turned away before we asked: the reason is waiting to be read.
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(ClientError::Send(errno)),
        }
    }

    fn receive(&self) -> Result<Reply, ClientError> {
        let mut buffer = [0; limits::REPLY + 1];
        let length = loop {
            match recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(ClientError::Ended),
                Ok((length, _)) => break length,
                // A broker that turns us away closes before it has read our request, which the kernel
                // reports once, ahead of the reason that waits to be read: unix(7).
                Err(Errno::INTR | Errno::CONNRESET) => {}
                Err(errno) => return Err(ClientError::Receive(errno)),
            }
        };
        match decode(buffer.get(..length).unwrap_or_default(), limits::REPLY).map_err(ClientError::Decode)? {
            Reply::Refused(Refusal { code, message }) => {
                Err(ClientError::Refused { code, message: message.to_string() })
            }
            reply => Ok(reply),
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
