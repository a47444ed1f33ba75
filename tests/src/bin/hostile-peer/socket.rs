//! A connection, of which nothing good is expected.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use ck_protocol::{Framed, PROTOCOL, Reply, limits};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

/// How long an answer may take, or a hang-up: a broker that is alive needs microseconds. Shorter than what the broker
/// grants a connection that does nothing.
const PATIENCE: Duration = Duration::from_secs(8);

pub(crate) struct Connection(OwnedFd);

impl Connection {
    /// One to `session` or `admin`.
    pub(crate) fn to(socket: &str) -> Self {
        let address =
            SocketAddrUnix::new(format!("/run/ck-broker/{socket}.sock")).expect("the name of a socket");
        let connection = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
            .expect("a socket");
        set_socket_timeout(&connection, Timeout::Recv, Some(PATIENCE)).expect("set the timeout");
        connect(&connection, &address).unwrap_or_else(|errno| panic!("{socket}: {errno}"));
        Self(connection)
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        send(&self.0, packet, SendFlags::NOSIGNAL)
            .unwrap_or_else(|errno| panic!("send {packet:02x?}: {errno}"));
    }

    pub(crate) fn ask(&self, request: &impl Framed) -> Option<Reply> {
        let mut buffer = [0; limits::REQUEST];
        self.send(PROTOCOL.newest().encode(request, &mut buffer).expect("a request that fits"));
        self.reply()
    }

    /// The next reply; `None` when the broker has hung up.
    pub(crate) fn reply(&self) -> Option<Reply> {
        let mut buffer = [0; limits::REPLY + 1];
        match recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
            Ok((0, _)) | Err(Errno::CONNRESET) => None,
            Ok((length, _)) => Some(PROTOCOL.decode(&buffer[..length], limits::REPLY).expect("a reply").1),
            Err(errno) => panic!("no answer from the broker: {errno}"),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
