//! The conversation with the broker.

use crate::lookup::{Last, find};
use ck_protocol::{
    AdminRequest, DecodeError, EncodeError, Fact, Linger, Message, PROTOCOL, Protocol, Refusal, RefusalCode,
    Reply, Seat, Session, SessionId, Status, TeardownDetail, TeardownId, User, Version, limits,
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
/// How many facts a broker may tell. Some twenty are usual.
const FACTS: usize = 4096;

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
pub struct Client {
    socket: OwnedFd,
    path: PathBuf,
    protocol: Protocol,
    /// What is spoken: the current version, until the broker does not know it.
    version: Version,
    /// What was asked last, until the first answer to it.
    unanswered: Option<AdminRequest>,
}

impl Client {
    /// Connects to the broker that listens at `path`, which must be root's.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        Self::speaking(PROTOCOL, path)
    }

    /// The same, for whoever speaks other versions.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn speaking(protocol: Protocol, path: &Path) -> Result<Self, ClientError> {
        let (socket, version) = (connected(path)?, protocol.newest());
        Ok(Self { socket, path: path.to_owned(), protocol, version, unanswered: None })
    }

    /// All sessions, by id.
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

    /// What the broker says of itself. An older one is asked for its [`Status`], which has the facts that it knows.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn facts(&mut self) -> Result<Vec<Fact>, ClientError> {
        self.send(AdminRequest::Facts)?;
        let mut facts = Vec::new();
        for _ in 0..FACTS {
            match self.receive() {
                Ok(Reply::Fact(fact)) => facts.push(fact),
                Ok(Reply::End) => return Ok(facts),
                Ok(_) => return Err(ClientError::Unexpected),
                // A value of a kind that only a newer broker knows. Each packet stands for itself.
                Err(ClientError::Decode(DecodeError::Malformed(_))) => {}
                // It does not know the request, and has ended the connection.
                Err(ClientError::Refused { code: RefusalCode::Malformed, .. }) => {
                    self.socket = connected(&self.path)?;
                    return Ok(self.status()?.facts());
                }
                Err(error) => return Err(error),
            }
        }
        Err(ClientError::Unexpected)
    }

    /// How an older broker is.
    fn status(&mut self) -> Result<Status, ClientError> {
        match self.ask(AdminRequest::Status)? {
            Reply::Status(status) => Ok(status),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// What somebody should look at, beside what the facts count: a line each, as the broker says it.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn problems(&mut self) -> Result<Vec<Message>, ClientError> {
        self.collect(AdminRequest::Problems, |reply| match reply {
            Reply::Problem(problem) => Some(problem),
            _ => None,
        })
    }

    /// All teardowns that are not finished, by id.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn teardowns(&mut self) -> Result<Vec<TeardownDetail>, ClientError> {
        self.collect(AdminRequest::TeardownDetails, |reply| match reply {
            Reply::TeardownDetail(teardown) => Some(*teardown),
            _ => None,
        })
    }

    /// Has teardowns that were given up tried again; says how many.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn retry_teardowns(&mut self, only: Option<TeardownId>) -> Result<u64, ClientError> {
        match self.ask(AdminRequest::RetryTeardowns(only))? {
            Reply::Retrying(count) => Ok(count),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Asks to be told of everything that there is, and then of every change.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn subscribe(&mut self) -> Result<(), ClientError> {
        self.send(AdminRequest::Subscribe)
    }

    /// What a subscriber is told next. It waits for that no longer than [`PATIENCE`]: see first whether
    /// there is something, by [`AsFd`].
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn next_told(&mut self) -> Result<Reply, ClientError> {
        match self.receive() {
            Err(ClientError::Ended) => Err(ClientError::Gone),
            received => received,
        }
    }

    /// Says who lingers, or who does no longer; says how many sessions that user has.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn linger(&mut self, request: Linger) -> Result<u64, ClientError> {
        self.act(AdminRequest::Linger(request))
    }

    /// The users who linger, by uid.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn lingerers(&mut self) -> Result<Vec<User>, ClientError> {
        self.collect(AdminRequest::Linger(Linger::List), user)
    }

    /// All users who are here, by uid.
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

    /// Has something done; says how many sessions it was about.
    ///
    /// # Errors
    /// [`ClientError`]
    pub fn act(&mut self, request: AdminRequest) -> Result<u64, ClientError> {
        match self.ask(request)? {
            Reply::Done(count) => Ok(count),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// What is answered up to the end mark; `of` takes out what is wanted of it.
    fn collect<T>(
        &mut self,
        request: AdminRequest,
        of: fn(Reply) -> Option<T>,
    ) -> Result<Vec<T>, ClientError> {
        let mut answers = Vec::new();
        let mut reply = self.ask(request)?;
        while reply != Reply::End {
            answers.push(of(reply).ok_or(ClientError::Unexpected)?);
            reply = self.receive()?;
        }
        Ok(answers)
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
            // Turned away before we asked: the reason is waiting to be read.
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(errno) => Err(ClientError::Send(errno)),
        }
    }

    /// The next answer. Where the broker does not speak the current version, it is asked again in the oldest one, by another
    /// connection, as it has ended this one.
    fn receive(&mut self) -> Result<Reply, ClientError> {
        let answer = self.receive_once();
        let (asked, oldest) = (self.unanswered.take(), self.protocol.oldest());
        match (answer, asked) {
            (Err(ClientError::Refused { code: RefusalCode::Version, .. }), Some(request))
                if self.version != oldest =>
            {
                self.version = oldest;
                self.socket = connected(&self.path)?;
                self.send(request)?;
                self.receive_once()
            }
            (answer, _) => answer,
        }
    }

    fn receive_once(&self) -> Result<Reply, ClientError> {
        let mut buffer = [0; limits::REPLY + 1];
        let length = loop {
            match recv(&self.socket, &mut buffer[..], RecvFlags::empty()) {
                Ok((0, _)) => return Err(ClientError::Ended),
                Ok((length, _)) => break length,
                // A broker that turns us away closes before it has read our request, which the kernel
                // reports once, ahead of the reason that waits to be read: unix(7).
                Err(Errno::INTR | Errno::CONNRESET) => {}
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

/// A socket that is connected to the broker at `path`.
fn connected(path: &Path) -> Result<OwnedFd, ClientError> {
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
    Ok(socket)
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
