//! Frames by the hundred thousand, and what each is answered.

use std::collections::BTreeMap;

use ck_protocol::{
    AdminRequest, DecodeError, Framed, Linger, PROTOCOL, RefusalCode, Reply, SessionRef, SessionRequest,
    limits,
};

use crate::mutation::{ADMIN_SEEDS, Random, SESSION_SEEDS, frame};
use crate::socket::Connection;

/// How many connections are spoken on in turn, so that neither side waits for the other with every frame: as many as
/// one uid may have on `admin.sock`.
const CONNECTIONS: usize = 16;
/// One login in so many asks for a runtime directory, which costs a mount and a teardown.
const DIRECTORY: usize = 256;

/// One of the two sockets, and who knows what it answers.
pub(crate) struct Target {
    socket: &'static str,
    seeds: &'static [&'static [u8]],
    answered: fn(&Connection, &[u8]) -> Answer,
}

/// What came back: a word for the statistics, and whether the connection is still of use.
type Answer = (&'static str, bool);

pub(crate) const AT_SESSION: Target = Target { socket: "session", seeds: &SESSION_SEEDS, answered: session };
pub(crate) const AT_ADMIN: Target = Target { socket: "admin", seeds: &ADMIN_SEEDS, answered: admin };

/// Sends `count` frames, and panics at the first that is not answered as it must be.
pub(crate) fn send(target: Target, count: usize, seed: u64) {
    let mut random = Random(seed);
    let mut connections: Vec<Connection> = (0..CONNECTIONS).map(|_| Connection::to(target.socket)).collect();
    let mut answers = BTreeMap::<&str, usize>::new();
    for _ in 0..count.div_ceil(CONNECTIONS) {
        let frames: Vec<Vec<u8>> =
            connections.iter().map(|connection| send_one(&target, &mut random, connection)).collect();
        for (connection, frame) in connections.iter_mut().zip(&frames) {
            let (word, open) = (target.answered)(connection, frame);
            *answers.entry(word).or_default() += 1;
            if !open {
                assert!(connection.reply().is_none(), "a protocol error closes its connection: {frame:02x?}");
                *connection = Connection::to(target.socket);
            }
        }
    }
    for (word, times) in answers {
        println!("{word} {times}");
    }
}

fn send_one(target: &Target, random: &mut Random, connection: &Connection) -> Vec<u8> {
    // What ends a session would end one of those that are there to see that nothing happens to them.
    let ends = |frame: &Vec<u8>| {
        target.socket == "admin" && matches!(request(frame), Ok(AdminRequest::Terminate(_)))
    };
    let mut frame =
        std::iter::repeat_with(|| frame(random, target.seeds)).find(|frame| !ends(frame)).expect("a frame");
    let is_login = target.socket == "session" && frame.starts_with(&SESSION_SEEDS[0][..2]);
    if let Some(wanted) = frame.last_mut().filter(|byte| is_login && **byte == 1) {
        *wanted = u8::from(random.below(DIRECTORY) == 0);
    }
    connection.send(&frame);
    frame
}

/// An answer of `session.sock`. Sessions that were opened are closed again.
fn session(connection: &Connection, frame: &[u8]) -> Answer {
    match (request(frame), connection.reply()) {
        (Ok(SessionRequest::Open(_)), Some(Reply::Opened(opened))) => {
            let close = SessionRequest::Close(SessionRef::Id(opened.id));
            assert_eq!(connection.ask(&close), Some(Reply::Closed));
            ("opened", true)
        }
        (Ok(SessionRequest::Open(_)), Some(Reply::Refused(refusal)))
            if refusal.code == RefusalCode::Invalid =>
        {
            ("invalid", true)
        }
        // The same login is open on several of the connections: it has the same token.
        (Ok(SessionRequest::Open(_)), Some(Reply::Refused(refusal)))
            if refusal.message.as_str() == "the login was asked for again" =>
        {
            ("asked again", true)
        }
        (Ok(SessionRequest::Close(_)), Some(Reply::Closed)) => ("closed", true),
        (Err(error), reply) => refused(&error, reply),
        (request, reply) => panic!("{request:?} is answered with {reply:?}"),
    }
}

/// An answer of `admin.sock`, to root.
fn admin(connection: &Connection, frame: &[u8]) -> Answer {
    let asked = request::<AdminRequest>(frame);
    loop {
        return match (&asked, connection.reply()) {
            (Ok(AdminRequest::List), Some(Reply::Session(_))) => continue,
            (Ok(AdminRequest::Teardowns), Some(Reply::Teardown(_))) => continue,
            (Ok(AdminRequest::List | AdminRequest::Teardowns), Some(Reply::End)) => ("list", true),
            (Ok(AdminRequest::Show(_)), Some(Reply::Session(_))) => ("session", true),
            (Ok(AdminRequest::Show(_)), Some(Reply::Refused(r))) if r.code == RefusalCode::NoSuchSession => {
                ("no session", true)
            }
            (Ok(AdminRequest::Status), Some(Reply::Status(_))) => ("status", true),
            (Ok(AdminRequest::RetryTeardowns(None)), Some(Reply::Retrying(_))) => ("retrying", true),
            (Ok(AdminRequest::RetryTeardowns(Some(_))), Some(Reply::Refused(r)))
                if r.code == RefusalCode::NoSuchTeardown =>
            {
                ("no teardown", true)
            }
            (Ok(AdminRequest::Subscribe), Some(Reply::Session(_) | Reply::Seat(_) | Reply::Change(_))) => {
                continue;
            }
            (Ok(AdminRequest::Subscribe), Some(Reply::Synced(_))) => {
                // Only to listen would be allowed now.
                connection.send(frame);
                continue;
            }
            (Ok(AdminRequest::Subscribe), Some(Reply::Refused(r))) if r.code == RefusalCode::Invalid => {
                ("subscribed", false)
            }
            (Ok(AdminRequest::Subscribe), Some(Reply::Refused(r))) if r.code == RefusalCode::Busy => {
                ("too many subscribers", true)
            }
            (Ok(AdminRequest::Linger(Linger::List)), Some(Reply::User(_))) => continue,
            (Ok(AdminRequest::Linger(Linger::List)), Some(Reply::End)) => ("list", true),
            (Ok(AdminRequest::Linger(Linger::Off(_))), Some(Reply::Done(_))) => ("no linger", true),
            (Ok(AdminRequest::Linger(Linger::On { uid, .. })), Some(Reply::Done(_))) => {
                let off = AdminRequest::Linger(Linger::Off(*uid));
                assert!(matches!(connection.ask(&off), Some(Reply::Done(_))));
                ("linger", true)
            }
            (Ok(AdminRequest::Linger(Linger::On { .. })), Some(Reply::Refused(r)))
                if r.code == RefusalCode::Invalid =>
            {
                ("invalid", true)
            }
            (Ok(AdminRequest::TeardownDetails), Some(Reply::TeardownDetail(_))) => continue,
            (Ok(AdminRequest::Problems), Some(Reply::Problem(_))) => continue,
            (Ok(AdminRequest::Facts), Some(Reply::Fact(_))) => continue,
            (
                Ok(AdminRequest::TeardownDetails | AdminRequest::Problems | AdminRequest::Facts),
                Some(Reply::End),
            ) => ("list", true),
            (Ok(AdminRequest::Subscribe), Some(Reply::Lost(_))) => continue,
            (Ok(AdminRequest::Users), Some(Reply::User(_))) => continue,
            (Ok(AdminRequest::Seats), Some(Reply::Seat(_))) => continue,
            (Ok(AdminRequest::Users | AdminRequest::Seats), Some(Reply::End)) => ("list", true),
            (Ok(AdminRequest::Lock(_) | AdminRequest::Unlock(_)), Some(Reply::Done(1) | Reply::Told(_))) => {
                ("locked", true)
            }
            (
                Ok(AdminRequest::Lock(_) | AdminRequest::Unlock(_) | AdminRequest::Activate(_)),
                Some(Reply::Refused(_)),
            ) => ("not acted on", true),
            (Err(error), reply) => refused(error, reply),
            (request, reply) => panic!("{request:?} is answered with {reply:?}"),
        };
    }
}

/// What a frame asks for.
fn request<T: Framed>(frame: &[u8]) -> Result<T, DecodeError> {
    PROTOCOL.decode(frame, limits::REQUEST).map(|(_, request)| request)
}

/// What a frame gets that is none.
fn refused(error: &DecodeError, reply: Option<Reply>) -> Answer {
    match (error, reply) {
        (DecodeError::Empty, None) => ("empty", false),
        (DecodeError::Version { .. }, Some(Reply::Refused(refusal)))
            if refusal.code == RefusalCode::Version =>
        {
            ("version", false)
        }
        (
            DecodeError::TooLong(_) | DecodeError::Malformed(_) | DecodeError::LeftOver(_),
            Some(Reply::Refused(refusal)),
        ) if refusal.code == RefusalCode::Malformed => ("malformed", false),
        (error, reply) => panic!("{error} is answered with {reply:?}"),
    }
}
