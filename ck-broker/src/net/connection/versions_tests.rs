//! Peers and brokers of two releases: the module's own client and `ckctl`'s, and connections as the broker has them. The first
//! release spoke version 1, this one also speaks version 2, and one that does not exist speaks versions 2 and 3.

use super::super::receive::complaint;
use super::*;
use ck_core::{
    events::Subscriptions,
    policy::{Listing, Requester},
};
use ck_protocol::{
    AdminRequest, Event, RefusalCode, SessionRef, SessionRequest, State, Text, Timestamp, Token, Told,
    UserName, V1,
};
use invented::{BOTH, OLD, ONLY_3, login, opened, status};
use rustix::{
    event::{PollFd, PollFlags, poll},
    net::{
        AddressFamily, Shutdown, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen,
        shutdown, socket_with,
    },
};
use std::{
    collections::BTreeSet,
    env, fs,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
};

#[path = "../../../../ck-protocol/tests/invented/mod.rs"]
mod invented;
#[path = "../../../../pam_ck/src/client.rs"]
#[allow(dead_code, reason = "the module uses all of it")]
mod module;
#[path = "../../../../ckctl/src/client.rs"]
#[allow(dead_code, unreachable_pub, reason = "ckctl uses all of it, and it is public there")]
mod people;

/// What the first release speaks.
static FIRST: Protocol = Protocol::new(&V1, &[]);

/// Long enough on any machine.
const LONG: Duration = Duration::from_secs(20);

/// What a broker has been asked.
#[derive(Debug, Default)]
struct Seen {
    /// The version of each packet; each came by a connection of its own, or went on by the last.
    spoken: Vec<u8>,
    connections: usize,
    sessions: BTreeSet<Token>,
}

/// What answers a packet. False: the connection ends.
type Serve = fn(&Connection, &[u8], &mut Seen) -> bool;

/// A broker whose connections are the real ones.
struct Broker {
    path: PathBuf,
    listener: Arc<OwnedFd>,
    seen: Arc<Mutex<Seen>>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    fn start(protocol: Protocol, endpoint: Endpoint, serve: Serve) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("ck-versions-{}-{number}", process::id()));
        let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
        let listener = Arc::new(listener.unwrap());
        bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        listen(&listener, 8).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (accepting, noting) = (Arc::clone(&listener), Arc::clone(&seen));
        let thread = thread::spawn(move || {
            while let Ok(socket) = accept_with(&accepting, SocketFlags::CLOEXEC) {
                let peer = Peer::of(Peer::credentials(&socket).unwrap(), &socket, endpoint).unwrap();
                noting.lock().unwrap().connections += 1;
                converse(Connection::new(socket, protocol, endpoint, peer, Instant::now()), serve, &noting);
            }
        });
        Self { path, listener, seen, thread: Some(thread) }
    }

    /// A request of a module that speaks `protocol`.
    fn ask(&self, protocol: Protocol, request: &SessionRequest) -> Result<Reply, module::Failure> {
        module::Client::speaking(protocol, &self.path, LONG).ask(request)
    }

    fn people(&self, protocol: Protocol) -> people::Client {
        people::Client::speaking(protocol, &self.path).unwrap()
    }

    /// How many connections there were since this was asked last, and what was spoken.
    fn spoken(&self) -> (usize, Vec<u8>) {
        let mut seen = self.seen.lock().unwrap();
        (std::mem::take(&mut seen.connections), std::mem::take(&mut seen.spoken))
    }

    fn sessions(&self) -> usize {
        self.seen.lock().unwrap().sessions.len()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = shutdown(&self.listener, Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
        let _ = fs::remove_file(&self.path);
    }
}

/// Serves a connection to its end, as the loop does.
fn converse(mut connection: Connection, serve: Serve, seen: &Mutex<Seen>) {
    let mut buffer = [0; limits::REQUEST + 1];
    loop {
        poll(&mut [PollFd::new(&connection, PollFlags::IN)], None).unwrap();
        match connection.receive(&mut buffer) {
            Ok(None) => {}
            Ok(Some([])) | Err(_) => return,
            Ok(Some(packet)) => {
                let mut seen = seen.lock().unwrap();
                seen.spoken.push(packet[0]);
                if !serve(&connection, packet, &mut seen) {
                    return;
                }
            }
        }
    }
}

fn reply(connection: &Connection, reply: &Reply) {
    let mut buffer = [0; limits::REPLY];
    let _ = connection.send(connection.encode(reply, &mut buffer).unwrap());
}

/// What a broker does for modules.
fn serve_module(connection: &Connection, packet: &[u8], seen: &mut Seen) -> bool {
    let answer = match connection.decode(packet) {
        Ok(SessionRequest::Open(open)) => {
            assert_eq!(SessionRequest::Open(open.clone()), login(1), "every fact arrives");
            seen.sessions.insert(open.token);
            opened(7)
        }
        Ok(SessionRequest::Close(SessionRef::Token(token))) => {
            assert!(seen.sessions.remove(&token));
            Reply::Closed
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            reply(connection, &complaint(&error));
            return false;
        }
    };
    reply(connection, &answer);
    true
}

#[test]
fn a_module_and_a_broker_of_two_releases_open_and_close_a_session() {
    for (name, module, protocol, spoken) in [
        ("a module of the first release, this broker", FIRST, OLD, vec![1]),
        ("this module, a broker of the first release", OLD, FIRST, vec![2, 1]),
        ("an old module, a new broker", OLD, BOTH, vec![2]),
        ("a new module, an old broker", BOTH, OLD, vec![3, 2]),
        ("two of the new release", BOTH, BOTH, vec![3]),
        ("two of the old release", OLD, OLD, vec![2]),
        ("a broker that has given version 2 up", BOTH, ONLY_3, vec![3]),
    ] {
        let broker = Broker::start(protocol, Endpoint::Session, serve_module);
        assert_eq!(broker.ask(module, &login(1)).unwrap(), opened(7), "{name}");
        assert_eq!((broker.sessions(), broker.spoken()), (1, (spoken.len(), spoken.clone())), "{name}");
        let close = SessionRequest::Close(SessionRef::Token(Token::new([1; 16])));
        assert_eq!(broker.ask(module, &close).unwrap(), Reply::Closed, "{name}");
        assert_eq!((broker.sessions(), broker.spoken()), (0, (spoken.len(), spoken)), "{name}");
    }
}

#[test]
fn releases_too_far_apart_say_so() {
    let broker = Broker::start(ONLY_3, Endpoint::Session, serve_module);
    let error = broker.ask(OLD, &login(1)).unwrap_err().to_string();
    assert!(
        error.ends_with(
            "protocol version 3 is not spoken here, only 1 to 2: install one release of all parts"
        ),
        "{error}"
    );
    assert_eq!(broker.spoken(), (1, vec![2]));
}

#[test]
fn an_answer_is_never_asked_for_again() {
    let broker = Broker::start(BOTH, Endpoint::Session, |connection, _, _| {
        reply(connection, &Reply::refused(RefusalCode::Busy, "no"));
        true
    });
    for protocol in [OLD, BOTH] {
        assert!(matches!(broker.ask(protocol, &login(1)).unwrap(), Reply::Refused(_)));
        assert_eq!(broker.spoken(), (1, vec![protocol.newest().number()]));
    }
}

#[test]
fn a_module_that_speaks_one_version_does_not_ask_twice() {
    let broker = Broker::start(OLD, Endpoint::Session, |connection, _, _| {
        reply(connection, &Reply::refused(RefusalCode::Version, "no"));
        false
    });
    let refused = broker.ask(FIRST, &login(1)).unwrap();
    assert!(matches!(refused, Reply::Refused(refusal) if refusal.code == RefusalCode::Version));
    assert_eq!(broker.spoken(), (1, vec![1]));
    let refused = broker.ask(BOTH, &login(1)).unwrap();
    assert!(matches!(refused, Reply::Refused(refusal) if refusal.code == RefusalCode::Version));
    assert_eq!(broker.spoken(), (2, vec![3, 2]), "and who speaks two asks once in each");
}

/// Both answers come in time, if each had the time of both.
#[test]
fn asking_in_another_version_takes_no_longer_than_asking_once_may() {
    const TIMEOUT: Duration = Duration::from_millis(500);
    let broker = Broker::start(OLD, Endpoint::Session, |connection, packet, seen| {
        thread::sleep(TIMEOUT * 3 / 5);
        serve_module(connection, packet, seen)
    });
    let error = module::Client::speaking(BOTH, &broker.path, TIMEOUT).ask(&login(1)).unwrap_err();
    assert!(error.to_string().contains("gave no answer within 500 ms"), "{error}");
    assert!(error.may_be_done);
}

/// What a broker does for people. One of the first release knows no facts.
fn serve_people(connection: &Connection, packet: &[u8], _: &mut Seen) -> bool {
    match connection.decode(packet) {
        Ok(AdminRequest::Facts) => {
            for fact in status(3).facts() {
                reply(connection, &Reply::Fact(fact));
            }
            reply(connection, &Reply::End);
        }
        Ok(AdminRequest::Status) => reply(connection, &Reply::Status(status(4))),
        Ok(AdminRequest::Subscribe) => tell(connection),
        Ok(AdminRequest::Lock(_)) => reply(connection, &Reply::Told(Box::new(told()))),
        Ok(_) => reply(connection, &Reply::End),
        Err(error) => {
            reply(connection, &complaint(&error));
            return false;
        }
    }
    true
}

fn serve_people_without_facts(connection: &Connection, packet: &[u8], seen: &mut Seen) -> bool {
    match connection.decode(packet) {
        Ok(AdminRequest::Facts) => {
            reply(connection, &Reply::refused(RefusalCode::Malformed, "malformed frame"));
            false
        }
        _ => serve_people(connection, packet, seen),
    }
}

/// Tells a subscriber one session, and one change.
fn tell(connection: &Connection) {
    let requester = Requester { uid: 0, is_admin: false, listing: Listing::All };
    let mut subscriptions = Subscriptions::default();
    subscriptions.add(1, connection.version());
    let send_all = |subscriptions: &mut Subscriptions| {
        let table = |id| (id == SessionId::FIRST).then(session);
        while let Some(offer) = subscriptions.offer(1, &requester, table, |_| None).unwrap() {
            assert_eq!(connection.send(&offer.packet), Sent::Yes);
            subscriptions.sent(1, &offer);
        }
    };
    send_all(&mut subscriptions);
    let event = Event::UserAdded { uid: Uid::ROOT, user: Some(UserName::clipped("root")) };
    subscriptions.publish(&event, |_| None).unwrap();
    send_all(&mut subscriptions);
}

fn told() -> Told {
    Told { uid: Uid::ROOT, user: UserName::clipped("root"), subscribers: 3 }
}

fn session() -> ck_protocol::Session {
    let SessionRequest::Open(open) = login(1) else { panic!("a login") };
    ck_protocol::Session {
        id: SessionId::FIRST,
        parent: None,
        uid: open.uid,
        user: open.user,
        leader_pid: Pid::try_from(1).unwrap(),
        service: Text::clipped("sshd"),
        class: ck_protocol::Class::User,
        session_type: ck_protocol::SessionType::Tty,
        tty: None,
        remote: true,
        remote_host: None,
        remote_user: None,
        display: None,
        seat: None,
        vt: None,
        state: State::Active,
        opened_at: Timestamp::from_micros(0),
        runtime_dir: None,
        audit_id: None,
        login_uid: None,
    }
}

#[test]
fn people_and_a_broker_of_two_releases_understand_each_other() {
    for (ckctl, protocol, spoken) in [
        (FIRST, OLD, vec![1, 1]),
        (OLD, FIRST, vec![2, 1, 1]),
        (OLD, BOTH, vec![2, 2]),
        (BOTH, OLD, vec![3, 2, 2]),
        (BOTH, BOTH, vec![3, 3]),
        (OLD, OLD, vec![2, 2]),
    ] {
        let broker = Broker::start(protocol, Endpoint::Admin, serve_people);
        let mut client = broker.people(ckctl);
        assert_eq!(client.facts().unwrap(), status(3).facts());
        assert_eq!(client.list().unwrap(), []);
        assert_eq!(broker.spoken(), (spoken.len() - 1, spoken));
    }
}

#[test]
fn a_broker_without_facts_is_asked_for_its_status_in_its_version() {
    for (ckctl, protocol, spoken) in
        [(OLD, OLD, vec![2, 2, 2]), (BOTH, OLD, vec![3, 2, 2, 2]), (OLD, FIRST, vec![2, 1, 1, 1])]
    {
        let broker = Broker::start(protocol, Endpoint::Admin, serve_people_without_facts);
        let mut client = broker.people(ckctl);
        assert_eq!(client.facts().unwrap(), status(4).facts());
        assert_eq!(client.problems().unwrap(), Vec::<ck_protocol::Message>::new());
        assert_eq!(broker.spoken(), (spoken.len() - 1, spoken));
    }
}

#[test]
fn a_subscriber_is_told_in_the_version_that_it_speaks() {
    let root = || Some(UserName::clipped("root"));
    for (ckctl, protocol, user) in [
        (OLD, BOTH, root()),
        (BOTH, OLD, root()),
        (BOTH, BOTH, root()),
        (FIRST, OLD, None),
        (OLD, FIRST, None),
    ] {
        let broker = Broker::start(protocol, Endpoint::Admin, serve_people);
        let mut client = broker.people(ckctl);
        client.subscribe().unwrap();
        let told: Vec<Reply> = (0..3).map(|_| client.next_told().unwrap()).collect();
        assert_eq!(told[..2], [Reply::Session(Box::new(session())), Reply::Synced(0)]);
        let event = Event::UserAdded { uid: Uid::ROOT, user };
        assert!(matches!(&told[2], Reply::Change(change) if change.event == event), "{told:?}");
    }
}

#[test]
fn who_was_told_to_lock_a_session_is_not_known_in_version_1() {
    for (ckctl, protocol, known) in [(OLD, OLD, Some(told())), (OLD, FIRST, None), (FIRST, OLD, None)] {
        let broker = Broker::start(protocol, Endpoint::Admin, serve_people);
        let answer = broker.people(ckctl).request_lock(AdminRequest::Lock(SessionId::FIRST));
        assert_eq!(answer.unwrap(), known);
    }
}

#[test]
fn what_a_peer_spoke_last_is_what_it_is_answered_in() {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
    let (ours, theirs) = pair.unwrap();
    let peer = Peer { pid: Pid::try_from(1).unwrap(), uid: 0, gid: 0, process: None };
    let mut connection = Connection::new(ours, BOTH, Endpoint::Admin, peer, Instant::now());
    let mut buffer = [0; limits::REQUEST + 1];
    assert_eq!(connection.version().number(), 2, "before anything was said");
    // What cannot be read, for another reason than its version, is answered in its version as well.
    for (said, answered) in [(3, 3), (2, 2), (3, 3), (4, 3), (1, 2), (0, 2)] {
        assert_eq!(send_now(theirs.as_fd(), &[said, 99]), Sent::Yes);
        let packet = connection.receive(&mut buffer).unwrap().unwrap();
        let error = connection.decode::<AdminRequest>(packet).unwrap_err();
        let mut room = [0; limits::REPLY];
        let answer = connection.encode(&complaint(&error), &mut room).unwrap();
        assert_eq!((connection.version().number(), answer[0]), (answered, answered));
    }
}
