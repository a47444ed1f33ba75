//! A broker that gives the answers that the test chooses.

use ck_protocol::{
    Class, Message, Open, Opened, PROTOCOL, PathText, Refusal, RefusalCode, Reply, SessionId, SessionRequest,
    SessionType, limits,
};
use rustix::{
    fd::OwnedFd,
    net::{self, AddressFamily, RecvFlags, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType},
    process::Uid,
    thread::set_thread_res_uid,
};
use std::{
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

/// What the broker does with one connection.
pub(crate) enum Answer {
    /// The request is read and answered.
    Reply(Reply),
    /// The request is read and answered with a packet that may be malformed.
    Bytes(Vec<u8>),
    /// The request is read, and the connection is closed.
    HangUp,
    /// The connection is closed without reading the request.
    Slam,
    /// A reply is sent, and the connection is closed without reading the request.
    TurnAway(Reply),
    /// The request is read. The connection stays open until the broker ends.
    Silence,
    /// The request is read, and the connection is closed after this time.
    HangUpLate(Duration),
    /// The request is read, and answered after this time.
    Late(Duration, Reply),
}

/// A broker in a thread.
pub(crate) struct Broker {
    listener: Arc<OwnedFd>,
    requests: mpsc::Receiver<SessionRequest>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Listens on `path` as `owner`. The queue is long enough for any test.
    pub(crate) fn start(path: &Path, owner: u32, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = Arc::new(listen(path, owner, 16));
        let (done, requests) = mpsc::channel();
        let answers: Vec<_> = answers.into_iter().collect();
        let accepting = Arc::clone(&listener);
        let thread = thread::spawn(move || serve(&accepting, answers, &done));
        Self { listener, requests, thread: Some(thread) }
    }

    /// Waits for the next request. Returns it after its connection was closed (with `Silence`: after it was read).
    pub(crate) fn request(&self) -> SessionRequest {
        self.requests.recv_timeout(Duration::from_secs(10)).expect("a request")
    }

    /// Waits for the next request, which must be `Open`.
    pub(crate) fn open_request(&self) -> Open {
        match self.request() {
            SessionRequest::Open(open) => *open,
            other => panic!("{other:?} is not a request to open"),
        }
    }

    /// Ends the broker. True if the test has taken all requests.
    pub(crate) fn had_no_more(mut self) -> bool {
        self.stop();
        self.requests.try_recv().is_err()
    }

    fn stop(&mut self) {
        // This wakes accept(2).
        let _ = net::shutdown(&self.listener, Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Listens on `path` with the credentials of `owner`. The queue has room for `queue` + 1 connections.
pub(crate) fn listen(path: &Path, owner: u32, queue: i32) -> OwnedFd {
    let socket = seqpacket();
    net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    // Peers see the credentials of the thread that called listen(2).
    set_thread_res_uid(None, Uid::from_raw(owner), None).unwrap();
    net::listen(&socket, queue).unwrap();
    set_thread_res_uid(None, Uid::ROOT, None).unwrap();
    socket
}

/// A socket of the type that broker and module use.
pub(crate) fn seqpacket() -> OwnedFd {
    net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap()
}

fn serve(listener: &OwnedFd, answers: Vec<Answer>, done: &mpsc::Sender<SessionRequest>) {
    let mut held = Vec::new();
    let mut answers = answers.into_iter();
    while let Ok(peer) = net::accept_with(listener, SocketFlags::CLOEXEC) {
        let answer = answers.next().unwrap_or(Answer::HangUp);
        match &answer {
            Answer::Slam => continue,
            Answer::TurnAway(reply) => {
                send(&peer, reply);
                continue;
            }
            _ => {}
        }
        let mut room = [0; limits::REQUEST];
        let (length, _) = net::recv(&peer, &mut room[..], RecvFlags::empty()).unwrap();
        let Ok((_, request)) = PROTOCOL.decode(&room[..length], limits::REQUEST) else { continue };
        match answer {
            Answer::Reply(reply) => send(&peer, &reply),
            Answer::Bytes(bytes) => drop(net::send(&peer, &bytes, SendFlags::NOSIGNAL)),
            Answer::Late(wait, reply) => {
                thread::sleep(wait);
                send(&peer, &reply);
            }
            Answer::HangUpLate(wait) => thread::sleep(wait),
            Answer::Silence => {
                held.push(peer);
                done.send(request).unwrap();
                continue;
            }
            Answer::HangUp | Answer::Slam | Answer::TurnAway(_) => {}
        }
        drop(peer);
        done.send(request).unwrap();
    }
}

fn send(peer: &OwnedFd, reply: &Reply) {
    let mut room = [0; limits::REPLY];
    // In some tests, the module no longer waits.
    let _ = net::send(peer, PROTOCOL.newest().encode(reply, &mut room).unwrap(), SendFlags::NOSIGNAL);
}

/// The remote session `id`, without a runtime directory.
pub(crate) fn session(id: u64) -> Opened {
    let (class, session_type) = (Class::User, SessionType::Tty);
    Opened { id: SessionId::new(id), class, session_type, seat: None, vt: None, runtime_dir: None }
}

/// The reply that session `id` is open.
pub(crate) fn opened(id: u64) -> Answer {
    Answer::Reply(Reply::Opened(session(id)))
}

/// The reply that session 7 is open, with the runtime directory `path`.
pub(crate) fn opened_in(path: &Path) -> Answer {
    let runtime_dir = Some(PathText::new(path.to_str().unwrap()).unwrap());
    Answer::Reply(Reply::Opened(Opened { runtime_dir, ..session(7) }))
}

/// A refusal with `message`.
pub(crate) fn refused(message: &str) -> Answer {
    Answer::Reply(Reply::Refused(Refusal {
        code: RefusalCode::Busy,
        message: Message::new(message).unwrap(),
    }))
}
