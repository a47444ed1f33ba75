//! Versions of the protocol, and the set of versions that a program supports.

use crate::{AdminRequest, Codec, Reply, SessionRequest};
use std::fmt;

/// One version of the protocol: its number, and a codec for each type of message.
#[derive(Debug)]
pub struct Dialect {
    /// The first byte of each frame.
    pub number: u8,
    /// The requests on `session.sock`.
    pub session_request: Codec<SessionRequest>,
    /// The requests on `admin.sock`.
    pub admin_request: Codec<AdminRequest>,
    /// The replies on both sockets.
    pub reply: Codec<Reply>,
}

/// A type whose values are sent as frames.
pub trait Framed: Sized + 'static {
    /// The codec for the type in that version.
    fn codec(dialect: &Dialect) -> &Codec<Self>;
}

impl Framed for SessionRequest {
    fn codec(dialect: &Dialect) -> &Codec<Self> {
        &dialect.session_request
    }
}

impl Framed for AdminRequest {
    fn codec(dialect: &Dialect) -> &Codec<Self> {
        &dialect.admin_request
    }
}

impl Framed for Reply {
    fn codec(dialect: &Dialect) -> &Codec<Self> {
        &dialect.reply
    }
}

/// A supported version. It can only be obtained from a [`Protocol`].
#[derive(Clone, Copy)]
pub struct Version(&'static Dialect);

impl Version {
    /// Its number: the first byte of each frame.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0.number
    }

    pub(crate) fn codec<T: Framed>(self) -> &'static Codec<T> {
        T::codec(self.0)
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.number() == other.number()
    }
}

impl Eq for Version {}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({})", self.number())
    }
}

/// The versions that a program supports: at least one.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    oldest: &'static Dialect,
    later: &'static [&'static Dialect],
}

impl Protocol {
    /// A protocol with these versions, in ascending order.
    #[must_use]
    pub const fn new(oldest: &'static Dialect, later: &'static [&'static Dialect]) -> Self {
        Self { oldest, later }
    }

    /// All versions, the oldest first.
    pub fn versions(self) -> impl Iterator<Item = Version> {
        std::iter::once(self.oldest).chain(self.later.iter().copied()).map(Version)
    }

    /// The oldest version.
    #[must_use]
    pub fn oldest(self) -> Version {
        Version(self.oldest)
    }

    /// The newest version. A client tries it first.
    #[must_use]
    pub fn newest(self) -> Version {
        Version(self.later.last().copied().unwrap_or(self.oldest))
    }

    /// The version with this number, if it is supported.
    #[must_use]
    pub fn version(self, number: u8) -> Option<Version> {
        self.versions().find(|version| version.number() == number)
    }

    /// The version in which the sender of `packet` is answered: that of the packet. If that is not supported, the newest
    /// version to the sender of a newer one, because such a sender is likely to know the version before its own, and the
    /// oldest version to any other sender.
    #[must_use]
    pub fn answer_to(self, packet: &[u8]) -> Version {
        let number = packet.first().copied().unwrap_or_default();
        let nearest = if number > self.newest().number() { self.newest() } else { self.oldest() };
        self.version(number).unwrap_or(nearest)
    }
}
