//! The least that a PAM module of this kind can do: one connection and one round trip at a login, and again at a
//! logout. No deadline, no check of who answers, nothing that is kept safe: what `make bench` compares with.
//!
//! `bench floor-server` answers, in packets of eight bytes each way. Options: `uid=N` spares the name service.
#![deny(unsafe_code)]

#[path = "fenced/entry.rs"]
mod entry;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};
use std::sync::atomic::{AtomicU32, Ordering};

const SOCKET: &str = "/run/floor.sock";
/// The session of this process. A login is a process here.
static SESSION: AtomicU32 = AtomicU32::new(0);

/// Opens the session of this process for the uid.
fn open(uid: u32) -> Option<()> {
    SESSION.store(ask(0, uid)?, Ordering::Relaxed);
    Some(())
}

/// Closes it.
fn close() -> Option<()> {
    ask(1, SESSION.load(Ordering::Relaxed)).map(|_| ())
}

/// One question, `what` about a uid or a session, and its answer.
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
