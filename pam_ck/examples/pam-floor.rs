//! The floor with which `make bench` compares the module: the least that a PAM module of this kind can do. It makes one
//! connection and one round trip at a login, and again at a logout. It has no deadline, does not check who answers, and
//! protects nothing.
//!
//! `bench floor-server` answers. The packets have eight bytes in each direction. The option `uid=N` saves the name
//! service.
#![deny(unsafe_code)]

#[path = "fenced/entry.rs"]
mod entry;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};
use std::sync::atomic::{AtomicU32, Ordering};

const SOCKET: &str = "/run/floor.sock";
/// The session of this process. Each login is a process of its own.
static SESSION: AtomicU32 = AtomicU32::new(0);

/// Opens the session of this process for `uid`.
fn open(uid: u32) -> Option<()> {
    SESSION.store(ask(0, uid)?, Ordering::Relaxed);
    Some(())
}

/// Closes the session of this process.
fn close() -> Option<()> {
    ask(1, SESSION.load(Ordering::Relaxed)).map(|_| ())
}

/// Sends the request `what` about a uid or a session, and returns the answer.
fn ask(what: u32, about: u32) -> Option<u32> {
    let address = SocketAddrUnix::new(SOCKET).ok()?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).ok()?;
    connect(&socket, &address).ok()?;
    let packet = (u64::from(what) << 32 | u64::from(about)).to_le_bytes();
    send(&socket, &packet, SendFlags::NOSIGNAL).ok()?;
    let mut reply = [0; 8];
    let (length, _) = recv(&socket, &mut reply[..], RecvFlags::empty()).ok()?;
    (length == reply.len()).then(|| u64::from_le_bytes(reply)).and_then(|reply| u32::try_from(reply).ok())
}
