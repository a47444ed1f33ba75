//! The two conversations with a broker.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use ck_protocol::{
    AdminRequest, Framed, PROTOCOL, Refusal, Reply, SessionId, SessionRef, SessionRequest, Status, Token,
    limits,
};
use ck_tests::wire;
use rustix::io;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

const ADMIN: &str = "/run/ck-broker/admin.sock";

/// A connection to a broker.
pub(crate) struct Client(OwnedFd);

impl Client {
    fn connect(path: &str) -> Self {
        Self::try_connect(path).unwrap_or_else(|errno| panic!("{path}: {errno}"))
    }

    fn try_connect(path: &str) -> io::Result<Self> {
        let address = SocketAddrUnix::new(path).expect("the name of a socket");
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .expect("a socket");
        connect(&socket, &address)?;
        Ok(Self(socket))
    }

    /// One to `admin.sock`.
    pub(crate) fn admin() -> Self {
        Self::connect(ADMIN)
    }

    /// The same, where it may not be had.
    pub(crate) fn try_admin() -> Option<Self> {
        Self::try_connect(ADMIN).ok()
    }

    fn ask(&self, request: &impl Framed) -> Reply {
        let mut buffer = [0; limits::REQUEST];
        let packet = PROTOCOL.newest().encode(request, &mut buffer).expect("a request that fits");
        send(&self.0, packet, SendFlags::NOSIGNAL).expect("send a request");
        let mut buffer = [0; limits::REPLY];
        let (length, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty()).expect("receive a reply");
        PROTOCOL.decode(&buffer[..length], limits::REPLY).expect("a reply").1
    }

    /// Asks for the list of all sessions, and reads none of it.
    pub(crate) fn ask_for_list(&self) {
        let mut buffer = [0; limits::REQUEST];
        let packet = PROTOCOL.newest().encode(&AdminRequest::List, &mut buffer).expect("a request that fits");
        // It may have been turned away already.
        let _ = send(&self.0, packet, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
    }

    /// How the broker is.
    pub(crate) fn status(&self) -> Status {
        match self.ask(&AdminRequest::Status) {
            Reply::Status(status) => status,
            other => panic!("not a status: {other:?}"),
        }
    }
}

/// A session whose leader is this process.
pub(crate) struct Login {
    id: SessionId,
    /// The runtime directory that was told, if one was.
    pub(crate) directory: Option<PathBuf>,
}

impl Login {
    /// Opens a session, as the PAM module would.
    pub(crate) fn open(uid: u32) -> Self {
        Self::try_open(uid).unwrap_or_else(|refusal| panic!("not opened: {}", refusal.message.as_str()))
    }

    /// The same, where it may be refused.
    pub(crate) fn try_open(uid: u32) -> Result<Self, Refusal> {
        match session_client().ask(&wire::open(uid, token())) {
            Reply::Opened(opened) => {
                Ok(Self { id: opened.id, directory: opened.runtime_dir.map(|path| path.as_str().into()) })
            }
            Reply::Refused(refusal) => Err(refusal),
            other => panic!("not opened: {other:?}"),
        }
    }

    /// Closes it.
    pub(crate) fn close(self) {
        match session_client().ask(&SessionRequest::Close(SessionRef::Id(self.id))) {
            Reply::Closed => {}
            other => panic!("not closed: {other:?}"),
        }
    }
}

/// The module connects anew for each request, and so do we.
fn session_client() -> Client {
    Client::connect("/run/ck-broker/session.sock")
}

/// One that no other login has.
fn token() -> Token {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut bits = [0; 16];
    bits[..8].copy_from_slice(&u64::from(std::process::id()).to_le_bytes());
    bits[8..].copy_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    Token::new(bits)
}
