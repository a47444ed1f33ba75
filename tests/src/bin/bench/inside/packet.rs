//! One packet to a server and one back, by the fewest calls: the same for all servers.

use std::os::fd::OwnedFd;

use ck_protocol::{AdminRequest, PROTOCOL, Reply, SessionRef, SessionRequest, Status, Token, limits};
use ck_tests::wire::{self, Wire};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use super::floor;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    Ck,
    Floor,
}

impl Server {
    /// Opens a session of the uid, whose `number` nobody else has, and returns the packet that closes it.
    pub(super) fn open(self, uid: u32, number: u64) -> Vec<u8> {
        match self {
            Self::Ck => {
                let token = token(number);
                let reply = exchange(CK, &encoded(&wire::open(uid, token)));
                let reply = decoded(&reply);
                assert!(matches!(&reply, Reply::Opened(_)), "not opened: {reply:?}");
                encoded(&SessionRequest::Close(SessionRef::Token(token)))
            }
            Self::Floor => {
                let reply = exchange(floor::SOCKET, &floor::open(uid));
                let session = u64::from_le_bytes(reply.try_into().expect("eight bytes"));
                floor::close(session).to_vec()
            }
        }
    }

    /// Closes one.
    pub(super) fn close(self, packet: &[u8]) {
        match self {
            Self::Ck => assert_eq!(decoded(&exchange(CK, packet)), Reply::Closed),
            Self::Floor => drop(exchange(floor::SOCKET, packet)),
        }
    }
}

const CK: &str = "/run/ck-broker/session.sock";

fn encoded(request: &SessionRequest) -> Vec<u8> {
    let mut room = [0; limits::REQUEST];
    PROTOCOL.newest().encode(request, &mut room).expect("a request that fits").to_vec()
}

fn decoded(packet: &[u8]) -> Reply {
    PROTOCOL.decode(packet, limits::REPLY).expect("a reply").1
}

/// One that no other login has, in this run of a broker.
fn token(number: u64) -> Token {
    let mut bits = [0; 16];
    bits[..8].copy_from_slice(&number.to_le_bytes());
    bits[8..12].copy_from_slice(&std::process::id().to_le_bytes());
    Token::new(bits)
}

fn exchange(path: &str, packet: &[u8]) -> Vec<u8> {
    let address = SocketAddrUnix::new(path).expect("the name of a socket");
    let socket: OwnedFd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .expect("a socket");
    connect(&socket, &address).unwrap_or_else(|errno| panic!("{path}: {errno}"));
    send(&socket, packet, SendFlags::NOSIGNAL).expect("send a request");
    let mut room = [0; limits::REPLY];
    let (length, _) = recv(&socket, &mut room[..], RecvFlags::empty()).expect("receive a reply");
    room[..length].to_vec()
}

/// How the broker is. Asked by a connection of its own: one that says nothing for long is hung up.
pub(super) fn status() -> Status {
    match Wire::admin().and_then(|wire| wire.ask(&AdminRequest::Status)) {
        Ok(Reply::Status(status)) => status,
        other => panic!("not a status: {other:?}"),
    }
}

/// Waits until no teardown is under way or waits.
pub(super) fn await_no_teardown() {
    while {
        let status = status();
        status.teardowns_running + status.teardowns_waiting > 0
    } {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}
