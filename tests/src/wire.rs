//! What the PAM module and `ckctl` say to a broker, without what surrounds those. That nobody answers is a value here:
//! brokers die in these tests. For programs that run in a host, as root.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use ck_protocol::{
    AdminRequest, Framed, Gid, Open, PROTOCOL, Reply, Session, SessionRequest, Text, Token, Uid, UserName,
    limits,
};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use crate::wait::readable;

/// No answer takes this long, also on a busy machine: nobody is to hang for ever.
const LONGEST: Duration = Duration::from_secs(20);

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody listens.
    Absent,
    /// The broker has gone meanwhile, or wanted no more of this.
    HungUp,
}

/// A connection to a broker.
#[derive(Debug)]
pub struct Wire(OwnedFd);

impl Wire {
    /// One to `session.sock`. The module connects anew for each request.
    pub fn session() -> Result<Self, NoAnswer> {
        Self::connect("/run/ck-broker/session.sock")
    }

    /// One to `admin.sock`.
    pub fn admin() -> Result<Self, NoAnswer> {
        Self::connect("/run/ck-broker/admin.sock")
    }

    fn connect(path: &str) -> Result<Self, NoAnswer> {
        let address = SocketAddrUnix::new(path).expect("the name of a socket");
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .expect("a socket");
        for direction in [Timeout::Send, Timeout::Recv] {
            set_socket_timeout(&socket, direction, Some(LONGEST)).expect("set a timeout");
        }
        match connect(&socket, &address) {
            Ok(()) => Ok(Self(socket)),
            Err(Errno::CONNREFUSED | Errno::NOENT) => Err(NoAnswer::Absent),
            Err(errno) => panic!("{path}: {errno}"),
        }
    }

    /// Asks, and returns the first answer.
    pub fn ask(&self, request: &impl Framed) -> Result<Reply, NoAnswer> {
        let mut room = [0; limits::REQUEST];
        self.ask_bytes(PROTOCOL.newest().encode(request, &mut room).expect("a request that fits"))
    }

    /// The same with any bytes for a request.
    pub fn ask_bytes(&self, packet: &[u8]) -> Result<Reply, NoAnswer> {
        match send(&self.0, packet, SendFlags::NOSIGNAL) {
            Ok(_) => self.hear(),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(NoAnswer::HungUp),
            Err(errno) => panic!("send: {errno}"),
        }
    }

    /// The next answer.
    pub fn hear(&self) -> Result<Reply, NoAnswer> {
        let mut room = [0; limits::REPLY];
        match recv(&self.0, &mut room[..], RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET) => Err(NoAnswer::HungUp),
            Ok((length, _)) => Ok(PROTOCOL.decode(&room[..length], limits::REPLY).expect("a reply").1),
            Err(errno) => panic!("recv: {errno}"),
        }
    }

    /// The next answer, if it comes within `limit`.
    pub fn hear_within(&self, limit: Duration) -> Result<Option<Reply>, NoAnswer> {
        if readable(&self.0, limit) { self.hear().map(Some) } else { Ok(None) }
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A login of the uid, as the module would ask for it.
pub fn open(uid: u32, token: Token) -> SessionRequest {
    SessionRequest::Open(Box::new(login(uid, token)))
}

/// The facts of a login of the uid, about which there is nothing special.
pub fn login(uid: u32, token: Token) -> Open {
    Open {
        token,
        uid: Uid::try_from(uid).expect("a uid"),
        gid: Gid::try_from(uid).expect("a gid"),
        user: UserName::clipped("somebody"),
        service: Text::clipped("test"),
        class: None,
        session_type: None,
        tty: None,
        remote_host: None,
        remote_user: None,
        display: None,
        runtime_dir: true,
    }
}

/// All sessions, by id.
pub fn sessions() -> Result<Vec<Session>, NoAnswer> {
    let wire = Wire::admin()?;
    let mut listed = Vec::new();
    let mut reply = wire.ask(&AdminRequest::List)?;
    while let Reply::Session(session) = reply {
        listed.push(*session);
        reply = wire.hear()?;
    }
    assert_eq!(reply, Reply::End);
    Ok(listed)
}
