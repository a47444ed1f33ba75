//! What an event of epoll is about, in the 64 bits that epoll carries.

use super::door::Door;
use crate::hooks::RunId;
use ck_protocol::{SessionId, TeardownId};

/// The source of an event. None of the numbers is ever used twice, so an event that was fetched
/// before its source went away meets nobody else in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wakeup {
    Signal,
    Accept(Door),
    /// Something of `admin.sock`'s, whose sources have an epoll of their own.
    Admin,
    /// The end of some leaders, which have an epoll of their own.
    Leaders,
    Connection(u64),
    Leader(SessionId),
    Worker(TeardownId),
    /// The end of the process that sweeps a directory.
    Sweep(u64),
    /// The end of a hook.
    Hook(RunId),
    /// What a hook has printed.
    HookOutput(RunId),
    /// Another virtual terminal is in the foreground.
    Console,
    /// The program that was to switch has ended.
    Switch,
    /// A process that was held up in the root of the runtime directories has ended.
    LetGo,
    /// The process that writes the history has ended.
    HistoryWriter,
}

/// The kind is in the uppermost bits; the rest would last for 10^17 logins.
const SHIFT: u32 = 60;
const NUMBER: u64 = (1 << SHIFT) - 1;

impl Wakeup {
    pub(super) fn to_data(self) -> u64 {
        let (kind, number) = match self {
            Self::Signal => (0, 0),
            Self::Accept(Door::Session) => (1, 0),
            Self::Accept(Door::Admin) => (1, 1),
            Self::Admin => (2, 0),
            Self::Leaders => (2, 1),
            Self::Connection(key) => (3, key),
            Self::Leader(id) => (4, id.get()),
            Self::Worker(id) => (5, id.get()),
            Self::Hook(id) => (6, id),
            Self::HookOutput(id) => (7, id),
            Self::Sweep(number) => (8, number),
            Self::Console => (14, 0),
            Self::Switch => (14, 1),
            Self::LetGo => (14, 2),
            Self::HistoryWriter => (14, 3),
        };
        (kind << SHIFT) | (number & NUMBER)
    }

    pub(super) fn from_data(data: u64) -> Self {
        let number = data & NUMBER;
        match data >> SHIFT {
            0 => Self::Signal,
            1 if number == 0 => Self::Accept(Door::Session),
            1 => Self::Accept(Door::Admin),
            2 if number == 0 => Self::Admin,
            2 => Self::Leaders,
            3 => Self::Connection(number),
            14 if number == 0 => Self::Console,
            14 if number == 1 => Self::Switch,
            14 if number == 2 => Self::LetGo,
            14 => Self::HistoryWriter,
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
        for wakeup in [
            Wakeup::Signal,
            Wakeup::Accept(Door::Session),
            Wakeup::Accept(Door::Admin),
            Wakeup::Admin,
            Wakeup::Leaders,
            Wakeup::Connection(7),
            Wakeup::Leader(SessionId::new(NUMBER)),
            Wakeup::Worker(TeardownId::FIRST),
            Wakeup::Sweep(1),
            Wakeup::Hook(0),
            Wakeup::HookOutput(NUMBER),
            Wakeup::Console,
            Wakeup::Switch,
            Wakeup::LetGo,
            Wakeup::HistoryWriter,
        ] {
            assert_eq!(Wakeup::from_data(wakeup.to_data()), wakeup);
        }
    }
}
