//! A version 3 of the protocol that does not exist, for tests of several crates: `Open`, `Opened`, `Status`, facts and the order of
//! variants differ from version 2. As the types of the crate are those of version 2, here version 3 is the one that has
//! copies; what a real version 3 needs is the same, the other way round.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test uses some of it, and all of it is test code"
)]

use ck_protocol::*;
use serde::{Deserialize, Serialize};

/// What the release speaks before the invented one: this one.
pub static OLD: Protocol = Protocol::new(&V1, &[&V2]);
/// What the invented release speaks.
pub static BOTH: Protocol = Protocol::new(&V2, &[&V3]);
/// What a release speaks that has given version 2 up.
pub static ONLY_3: Protocol = Protocol::new(&V3, &[]);

static V3: Dialect = Dialect {
    number: 3,
    session_request: Codec::through::<Request3>(),
    admin_request: Codec::plain(),
    reply: Codec::through::<Reply3>(),
};

/// The desktop of each login in version 3, which version 2 knows nothing of.
pub const DESKTOP: &str = "invented";

#[derive(Serialize, Deserialize)]
pub enum Request3 {
    Close(SessionRef),
    Open(Box<Open3>),
}

#[derive(Serialize, Deserialize)]
pub struct Open3 {
    desktop: ShortName,
    runtime_dir: bool,
    gid: Gid,
    uid: Uid,
    user: UserName,
    service: ShortName,
    class: Option<Class>,
    session_type: Option<SessionType>,
    tty: Option<ShortName>,
    remote: Option<(HostName, Option<UserName>)>,
    display: Option<ShortName>,
    token: Token,
}

impl From<&SessionRequest> for Request3 {
    fn from(request: &SessionRequest) -> Self {
        match request.clone() {
            SessionRequest::Close(session) => Self::Close(session),
            SessionRequest::Open(open) => {
                let Open { token, uid, gid, user, service, class, session_type, tty, .. } = *open;
                let Open { remote_host, remote_user, display, runtime_dir, .. } = *open;
                let remote = remote_host.map(|host| (host, remote_user));
                let desktop = Text::clipped(DESKTOP);
                Self::Open(Box::new(Open3 {
                    desktop,
                    runtime_dir,
                    gid,
                    uid,
                    user,
                    service,
                    class,
                    session_type,
                    tty,
                    remote,
                    display,
                    token,
                }))
            }
        }
    }
}

impl From<Request3> for SessionRequest {
    fn from(request: Request3) -> Self {
        match request {
            Request3::Close(session) => Self::Close(session),
            Request3::Open(open) => {
                let Open3 { desktop, runtime_dir, gid, uid, user, service, class, session_type, .. } = *open;
                let Open3 { tty, remote, display, token, .. } = *open;
                assert_eq!(desktop.as_str(), DESKTOP);
                let (remote_host, remote_user) =
                    remote.map_or((None, None), |(host, user)| (Some(host), user));
                Self::Open(Box::new(Open {
                    token,
                    uid,
                    gid,
                    user,
                    service,
                    class,
                    session_type,
                    tty,
                    remote_host,
                    remote_user,
                    display,
                    runtime_dir,
                }))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
pub enum Reply3 {
    Refused(Message, RefusalCode),
    Fact(FactValue, ShortName),
    Status(u64, Status),
    Opened(Opened3),
    /// All others are as they were.
    Other(Reply),
}

#[derive(Serialize, Deserialize)]
pub struct Opened3 {
    greeting: Message,
    runtime_dir: Option<PathText>,
    seat: Option<(ShortName, Option<Vt>)>,
    session_type: SessionType,
    class: Class,
    id: SessionId,
}

impl From<&Reply> for Reply3 {
    fn from(reply: &Reply) -> Self {
        match reply.clone() {
            Reply::Refused(Refusal { code, message }) => Self::Refused(message, code),
            Reply::Fact(Fact { key, value }) => Self::Fact(value, key),
            Reply::Status(status) => Self::Status(7, status),
            Reply::Opened(Opened { id, class, session_type, seat, vt, runtime_dir }) => {
                let seat = seat.map(|seat| (seat, vt));
                Self::Opened(Opened3 {
                    greeting: Text::clipped("hello"),
                    runtime_dir,
                    seat,
                    session_type,
                    class,
                    id,
                })
            }
            other => Self::Other(other),
        }
    }
}

impl From<Reply3> for Reply {
    fn from(reply: Reply3) -> Self {
        match reply {
            Reply3::Refused(message, code) => Self::Refused(Refusal { code, message }),
            Reply3::Fact(value, key) => Self::Fact(Fact { key, value }),
            Reply3::Status(load, status) => {
                assert_eq!(load, 7);
                Self::Status(status)
            }
            Reply3::Opened(Opened3 { greeting, runtime_dir, seat, session_type, class, id }) => {
                assert_eq!(greeting.as_str(), "hello");
                let (seat, vt) = seat.map_or((None, None), |(seat, vt)| (Some(seat), vt));
                Self::Opened(Opened { id, class, session_type, seat, vt, runtime_dir })
            }
            Reply3::Other(other) => other,
        }
    }
}

/// A login of root's, from somewhere.
pub fn login(token: u8) -> SessionRequest {
    let Ok(gid) = Gid::try_from(0) else { unreachable!("0 is the number of a group") };
    SessionRequest::Open(Box::new(Open {
        token: Token::new([token; 16]),
        uid: Uid::ROOT,
        gid,
        user: UserName::clipped("root"),
        service: Text::clipped("sshd"),
        class: Some(Class::Background),
        session_type: None,
        tty: None,
        remote_host: Some(Text::clipped("::1")),
        remote_user: Some(UserName::clipped("alice")),
        display: None,
        runtime_dir: true,
    }))
}

/// What is answered to it.
pub fn opened(id: u64) -> Reply {
    Reply::Opened(Opened {
        id: SessionId::new(id),
        class: Class::Background,
        session_type: SessionType::Tty,
        seat: Some(Text::clipped("seat0")),
        vt: None,
        runtime_dir: Some(Text::clipped("/run/user/0")),
    })
}

/// A broker with so many sessions.
pub fn status(sessions: u64) -> Status {
    let (version, at) = (Text::clipped("0.0.1"), Timestamp::from_micros(1_000_000));
    let Ok(pid) = Pid::try_from(60) else { unreachable!("60 is the number of a process") };
    Status {
        version,
        pid,
        started_at: at,
        sessions,
        users: 2,
        teardowns_running: 3,
        teardowns_waiting: 4,
        teardowns_failed: 0,
        teardowns_abandoned: 0,
        sessions_limit: 1000,
        subscribers: 5,
        hooks_running: 6,
        hooks_waiting: 7,
        hooks_failed: 0,
        configured_at: at,
        configuration_problem: None,
    }
}
