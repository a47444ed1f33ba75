//! A broker that does what the test says.

use ck_protocol::{
    Class, Kind, Message, Open, Opened, PROTOCOL, PathText, Refusal, RefusalCode, Reply, SessionId,
    SessionRequest, limits,
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

/// What becomes of one connection.
pub(crate) enum Answer {
    /// The request is read and answered.
    Reply(Reply),
    /// The request is read and answered with a packet that may be no frame.
    Bytes(Vec<u8>),
    /// The request is read, and the connection closed.
    HangUp,
    /// The connection is closed, its request unread.
    Slam,
    /// The same, but for a word on why.
    TurnAway(Reply),
    /// The request is read, and that is all, until the broker ends.
    Silence,
    /// The request is read, and the connection closed after a while.
    HangUpLate(Duration),
    /// The request is read, and answered after a while.
    Late(Duration, Reply),
}

/// A broker in a thread.
pub(crate) struct Broker {
    listener: Arc<OwnedFd>,
    requests: mpsc::Receiver<SessionRequest>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Listens at `path` as `owner`, in a queue that is long enough for any test.
    pub(crate) fn start(path: &Path, owner: u32, answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = Arc::new(listen(path, owner, 16));
        let (done, requests) = mpsc::channel();
        let answers: Vec<_> = answers.into_iter().collect();
        let accepting = Arc::clone(&listener);
        let thread = thread::spawn(move || serve(&accepting, answers, &done));
        Self { listener, requests, thread: Some(thread) }
    }

    /// The next request, once its connection is over at this end (with `Silence`: once it is read).
    pub(crate) fn request(&self) -> SessionRequest {
        self.requests.recv_timeout(Duration::from_secs(10)).expect("a request")
    }

    /// The next request, which must be to open.
    pub(crate) fn open_request(&self) -> Open {
        match self.request() {
            SessionRequest::Open(open) => *open,
            other => panic!("{other:?} is not a request to open"),
        }
    }

    /// Ends the broker; true if nobody asked anything that was not looked at.
    pub(crate) fn had_no_more(mut self) -> bool {
        self.stop();
        self.requests.try_recv().is_err()
    }

    fn stop(&mut self) {
        // Wakes accept(2).
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

/// A socket at `path` whose connections look to peers like `owner`'s, with room for `queue` + 1 of them.
pub(crate) fn listen(path: &Path, owner: u32, queue: i32) -> OwnedFd {
    let socket = seqpacket();
    net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    // The kernel takes the credentials of the thread that calls listen(2).
    set_thread_res_uid(None, Uid::from_raw(owner), None).unwrap();
    net::listen(&socket, queue).unwrap();
    set_thread_res_uid(None, Uid::ROOT, None).unwrap();
    socket
}

/// A socket as brokers and modules have it.
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
    // A module that no longer waits is part of some tests.
    let _ = net::send(peer, PROTOCOL.newest().encode(reply, &mut room).unwrap(), SendFlags::NOSIGNAL);
}

/// Session `id`, remote, without a runtime directory.
pub(crate) fn session(id: u64) -> Opened {
    let (class, kind) = (Class::User, Kind::Tty);
    Opened { id: SessionId::new(id), class, kind, seat: None, vt: None, runtime_dir: None }
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

/// A refusal that says `message`.
pub(crate) fn refused(message: &str) -> Answer {
    Answer::Reply(Reply::Refused(Refusal {
        code: RefusalCode::Busy,
        message: Message::new(message).unwrap(),
    }))
}
