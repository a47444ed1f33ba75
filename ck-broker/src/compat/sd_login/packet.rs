//! What the broker and the publisher send each other, a packet each. Both are the same program.

use ck_protocol::{Pid, SessionId, ShortName, Uid};
use serde::{Deserialize, Serialize};

/// From this size on, a packet gets no further orders. A file that is longer comes in pieces. So no packet is longer than twice
/// that, which a socket takes whole.
const PACKET: usize = 64 << 10;
/// The longest packet, with what is around an order.
pub(super) const LONGEST: usize = 3 * PACKET;

/// What the publisher is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Write this file.
    Put(Name, String),
    /// Write the file of this session.
    PutSession(Leader, String),
    /// A piece of a file that is too long for one packet.
    Piece {
        /// It is the first one. Those that came before belong to a file that was not finished.
        is_first: bool,
        text: String,
    },
    /// Write this file: the pieces that came.
    PutPieces(Name),
    /// Remove this file, if it is ours.
    Remove(Name),
    /// All files that there should be follow.
    Begin {
        /// Seats are among them.
        seats: bool,
    },
    /// That was all of them: remove our others.
    End,
    /// Remove all files that are ours.
    Withdraw {
        /// Another manager of sessions runs, and may use the directories.
        is_for_other: bool,
    },
}

impl Order {
    /// The same, in orders that each fit into a packet.
    pub(super) fn in_pieces(self) -> Vec<Self> {
        let Self::Put(name, content) = self else { return vec![self] };
        if content.len() <= PACKET {
            return vec![Self::Put(name, content)];
        }
        let (mut rest, mut pieces) = (content.as_str(), Vec::new());
        while !rest.is_empty() {
            let end = (0..=PACKET.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end));
            let (piece, left) = rest.split_at(end.unwrap_or(rest.len()));
            pieces.push(Self::Piece { is_first: pieces.is_empty(), text: piece.to_owned() });
            rest = left;
        }
        pieces.push(Self::PutPieces(name));
        pieces
    }
}

/// The name of a file, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Name {
    Session(SessionId),
    User(Uid),
    Seat(ShortName),
}

impl Name {
    /// Where the file is.
    pub(super) fn place(&self) -> Place {
        match self {
            Self::Session(_) => Place::Sessions,
            Self::User(_) => Place::Users,
            Self::Seat(_) => Place::Seats,
        }
    }

    /// The name of the file there.
    pub(super) fn file(&self) -> String {
        match self {
            Self::Session(id) => id.to_string(),
            Self::User(uid) => uid.to_string(),
            Self::Seat(seat) => seat.to_string(),
        }
    }
}

/// A directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Sessions,
    Users,
    Seats,
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::Sessions, Self::Users, Self::Seats];

    /// Its name in `/run/systemd`.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Users => "users",
            Self::Seats => "seats",
        }
    }
}

/// The leader of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leader {
    pub(crate) session: SessionId,
    pub(crate) uid: Uid,
    pub(crate) pid: Pid,
    /// The session may get a terminal that PAM has not named, as those by ssh do.
    pub(crate) seeks_terminal: bool,
}

/// Orders with a number, as they are sent.
#[derive(Debug, Default)]
pub(super) struct Packet(Vec<u8>);

impl Packet {
    pub(super) fn new(number: u64) -> Self {
        let mut packet = Self::default();
        packet.append_value(&number);
        packet
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// True if no order is to be appended.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= PACKET
    }

    /// Appends an order.
    pub(super) fn push(&mut self, order: &Order) {
        self.append_value(order);
    }

    /// Appends the orders of another packet, which has no number.
    pub(super) fn append(&mut self, orders: &Self) {
        self.0.extend(&orders.0);
    }

    fn append_value(&mut self, value: &impl Serialize) {
        // None of the types has anything that cannot be encoded, and a vector has room.
        if let Ok(bytes) = postcard::to_extend(value, std::mem::take(&mut self.0)) {
            self.0 = bytes;
        }
    }
}

/// The number of a packet and its orders. `None`: it is no packet of a broker.
pub(super) fn read(packet: &[u8]) -> Option<(u64, Vec<Order>)> {
    let (number, mut rest) = postcard::take_from_bytes(packet).ok()?;
    let mut orders = Vec::new();
    while !rest.is_empty() {
        let order;
        (order, rest) = postcard::take_from_bytes(rest).ok()?;
        orders.push(order);
    }
    Some((number, orders))
}

/// What the publisher answers: that the orders up to this number are carried out, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) number: u64,
    pub(super) state: State,
}

/// How the publisher is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum State {
    Well,
    /// Another manager has live sessions there. Nothing is written.
    Yields,
    /// The problem, as one line.
    Problem(String),
}

/// The longest answer: a problem names a path of at most a hundred bytes, and an errno.
pub(super) const ANSWER: usize = 1024;

impl Answer {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut packet = Packet::default();
        packet.append_value(self);
        packet.0
    }

    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::Text;

    #[test]
    fn orders_and_answers_are_read_as_they_were_sent() {
        let (session, uid) = (SessionId::new(7), Uid::try_from(2001).unwrap());
        let leader = Leader { session, uid, pid: Pid::try_from(71).unwrap(), seeks_terminal: true };
        let orders = [
            Order::Begin { seats: true },
            Order::PutSession(leader, "UID=1\n".to_owned()),
            Order::Put(Name::Seat(Text::clipped("seat0")), "IS_SEAT0=1\n".to_owned()),
            Order::Remove(Name::User(uid)),
            Order::End,
            Order::Withdraw { is_for_other: false },
        ];
        let mut packet = Packet::new(300);
        orders.iter().for_each(|order| packet.push(order));
        assert_eq!(read(packet.bytes()), Some((300, orders.to_vec())));
        for length in 0..packet.bytes().len() {
            // A packet that ends between two orders is one of fewer orders.
            if let Some((_, read)) = read(&packet.bytes()[..length]) {
                assert!(orders.starts_with(&read));
            }
        }
        for state in [State::Well, State::Yields, State::Problem("no room".to_owned())] {
            let answer = Answer { number: 300, state };
            assert_eq!(Answer::read(&answer.bytes()), Some(answer));
        }
        assert_eq!(Answer::read(b""), None);
    }

    #[test]
    fn a_long_file_comes_in_pieces_that_fit() {
        let name = || Name::User(Uid::try_from(2001).unwrap());
        let short = Order::Put(name(), "é".repeat(PACKET / 2));
        assert_eq!(short.clone().in_pieces(), [short]);
        let long = format!("x{}", "é".repeat(PACKET));
        let mut orders = Order::Put(name(), long.clone()).in_pieces();
        assert_eq!(orders.pop(), Some(Order::PutPieces(name())));
        let mut whole = String::new();
        for (at, order) in orders.into_iter().enumerate() {
            let Order::Piece { is_first, text } = order else { panic!("{order:?}") };
            assert!(is_first == (at == 0) && text.len() <= PACKET);
            whole += &text;
        }
        assert_eq!(whole, long);
    }
}
