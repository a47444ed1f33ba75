//! Descriptors that are pushed at a broker which never asked for any.

use std::collections::BTreeMap;
use std::io::{IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread::{sleep, spawn};
use std::time::Duration;

use ck_protocol::{
    AdminRequest, PROTOCOL, RefusalCode, Reply, SessionId, SessionRef, SessionRequest, limits,
};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use crate::socket::Connection;

/// The most that one packet takes: `SCM_MAX_FD` of unix(7).
const MOST: usize = 253;
/// How many packets are sent before anything is received.
const AHEAD: usize = 8;
/// Of how many one has none, and is answered.
const ANSWERED: usize = 256;
/// Longer than any test.
const LINGER: Duration = Duration::from_secs(3600);

/// Pushes descriptors with each of `packets` requests. Where the kernel refuses them, the connection stays as it
/// was. Where it does not, `session` drops them and answers, and `admin` hangs up.
pub(crate) fn push(socket: &str, packets: usize) {
    let file = std::fs::File::open("/dev/null").expect("open /dev/null");
    let pushed = vec![file.as_fd(); MOST];
    let mut outcomes = BTreeMap::<&str, usize>::new();
    let mut connection = Connection::to(socket);
    for turn in 0..packets.div_ceil(AHEAD) {
        let taken =
            (0..AHEAD).filter(|_| count(&mut outcomes, send_with(&connection, socket, &pushed))).count();
        if taken > 0 && socket == "admin" {
            while connection.reply().is_some() {}
            connection = Connection::to(socket);
        } else {
            (0..taken).for_each(|_| assert!(connection.reply().is_some(), "the broker hung up"));
        }
        // One without is answered as ever; not always, as only so many are in a second.
        if turn % (ANSWERED / AHEAD) == 0 && send_with(&connection, socket, &[]).is_ok() {
            match connection.reply() {
                Some(Reply::Closed | Reply::Status(_)) => {}
                Some(Reply::Refused(refusal)) if refusal.code == RefusalCode::Busy => {}
                other => panic!("not answered: {other:?}"),
            }
        }
    }
    for (outcome, times) in outcomes {
        println!("{outcome} {times}");
    }
}

/// Notes what became of a packet; says whether it was taken.
fn count(outcomes: &mut BTreeMap<&str, usize>, sent: Result<(), Errno>) -> bool {
    let outcome = match sent {
        Ok(()) => "taken",
        Err(Errno::PERM) => "refused",
        Err(Errno::PIPE | Errno::CONNRESET) => "hung up",
        // So many of this user's are on their way.
        Err(Errno::TOOMANYREFS) => "too many",
        Err(errno) => panic!("push descriptors: {errno}"),
    };
    *outcomes.entry(outcome).or_default() += 1;
    sent.is_ok()
}

/// Pushes connections that nobody else holds and that are not done sending; says how many were taken, and never reads
/// what they send.
pub(crate) fn push_lingering(packets: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listen");
    let address = listener.local_addr().expect("an address");
    let mut taken = 0;
    let (mut unread, mut connections) = (Vec::new(), Vec::new());
    for _ in 0..packets {
        let mut stream = TcpStream::connect(address).expect("connect");
        unread.push(listener.accept().expect("accept"));
        stream.set_nonblocking(true).expect("not block");
        while stream.write(&[0; 1 << 16]).is_ok() {}
        let connection = Connection::to("admin");
        set_socket_linger(&stream, Some(LINGER)).expect("linger");
        match send_with(&connection, "admin", &[stream.as_fd()]) {
            Ok(()) => taken += 1,
            Err(Errno::PERM) => {}
            Err(errno) => panic!("push a connection: {errno}"),
        }
        // Where it was taken and is still on its way, the broker's is the last copy now. Else ours was, and waits.
        spawn(move || drop(stream));
        connections.push(connection);
    }
    eprintln!("taken {taken}");
    sleep(LINGER);
}

fn send_with(connection: &Connection, socket: &str, pushed: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut buffer = [0; limits::REQUEST];
    let version = PROTOCOL.newest();
    let packet = match socket {
        "session" => version.encode(&SessionRequest::Close(SessionRef::Id(SessionId::FIRST)), &mut buffer),
        _ => version.encode(&AdminRequest::Status, &mut buffer),
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !pushed.is_empty() {
        assert!(
            control.push(SendAncillaryMessage::ScmRights(pushed)),
            "room for {} descriptors",
            pushed.len()
        );
    }
    let packet = [IoSlice::new(packet.expect("a request that fits"))];
    sendmsg(connection, &packet, &mut control, SendFlags::NOSIGNAL).map(drop)
}
