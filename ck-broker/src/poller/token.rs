//! The source of an epoll event, in the 64 bits that epoll carries.

use ck_protocol::{SessionId, TeardownId};

/// One of the two sockets. It decides which requests are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// `session.sock`: PAM modules; root only.
    Session,
    /// `admin.sock`: everybody.
    Admin,
}

/// The number of a run of a hook. No number is used twice.
pub type RunId = u64;

/// The source of an event.
///
/// No number in a token is used twice. An event that was fetched before its source was closed is therefore never taken
/// for an event of another source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A signal.
    Signal,
    /// A connection waits to be accepted.
    Accept(Endpoint),
    /// The nested epoll set of `admin.sock` and its connections.
    Admin,
    /// The nested epoll set of leaders.
    Leaders,
    /// A connection, by its key.
    Connection(u64),
    /// The leader of a session has ended.
    Leader(SessionId),
    /// The worker of a teardown has ended.
    Worker(TeardownId),
    /// The process that sweeps a directory has ended.
    Sweep(u64),
    /// A hook has ended.
    Hook(RunId),
    /// A hook has printed something.
    HookOutput(RunId),
    /// Another virtual terminal is in the foreground.
    Foreground,
    /// The program that switches virtual terminals has ended.
    Switch,
    /// A process that was blocked in the root of the runtime directories has ended.
    Unblocked,
    /// The process that writes the history has ended.
    HistoryWriter,
    /// The publisher has answered, or has room.
    Publisher,
}

/// The kind is in the uppermost bits. The rest is enough for 10^17 logins.
const SHIFT: u32 = 60;
const NUMBER: u64 = (1 << SHIFT) - 1;

impl Token {
    /// The token as epoll carries it.
    pub(crate) fn to_data(self) -> u64 {
        let (kind, number) = match self {
            Self::Signal => (0, 0),
            Self::Accept(Endpoint::Session) => (1, 0),
            Self::Accept(Endpoint::Admin) => (1, 1),
            Self::Admin => (2, 0),
            Self::Leaders => (2, 1),
            Self::Connection(key) => (3, key),
            Self::Leader(id) => (4, id.get()),
            Self::Worker(id) => (5, id.get()),
            Self::Hook(id) => (6, id),
            Self::HookOutput(id) => (7, id),
            Self::Sweep(number) => (8, number),
            Self::Foreground => (14, 0),
            Self::Switch => (14, 1),
            Self::Unblocked => (14, 2),
            Self::HistoryWriter => (14, 3),
            Self::Publisher => (14, 4),
        };
        (kind << SHIFT) | (number & NUMBER)
    }

    /// The token that epoll has carried.
    pub(crate) fn from_data(data: u64) -> Self {
        let number = data & NUMBER;
        match data >> SHIFT {
            0 => Self::Signal,
            1 if number == 0 => Self::Accept(Endpoint::Session),
            1 => Self::Accept(Endpoint::Admin),
            2 if number == 0 => Self::Admin,
            2 => Self::Leaders,
            3 => Self::Connection(number),
            14 if number == 0 => Self::Foreground,
            14 if number == 1 => Self::Switch,
            14 if number == 2 => Self::Unblocked,
            14 if number == 3 => Self::HistoryWriter,
            14 => Self::Publisher,
            4 => Self::Leader(SessionId::new(number)),
            5 => Self::Worker(TeardownId::new(number)),
            6 => Self::Hook(number),
            8 => Self::Sweep(number),
            _ => Self::HookOutput(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_comes_back_as_itself() {
        for token in [
            Token::Signal,
            Token::Accept(Endpoint::Session),
            Token::Accept(Endpoint::Admin),
            Token::Admin,
            Token::Leaders,
            Token::Connection(7),
            Token::Leader(SessionId::new(NUMBER)),
            Token::Worker(TeardownId::FIRST),
            Token::Sweep(1),
            Token::Hook(0),
            Token::HookOutput(NUMBER),
            Token::Foreground,
            Token::Switch,
            Token::Unblocked,
            Token::HistoryWriter,
            Token::Publisher,
        ] {
            assert_eq!(Token::from_data(token.to_data()), token);
        }
    }
}
