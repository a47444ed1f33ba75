//! What the broker and the publisher send each other, a packet each. Both are the same program.

use ck_protocol::{SessionId, Uid};

/// From this size on, a packet gets no further orders.
pub(super) const PACKET: usize = 64 << 10;

/// What the publisher is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Write this file.
    Put(Name, String),
    /// Remove this file, if it is ours.
    Remove(Name),
    /// All files that there should be follow.
    Begin,
    /// That was all of them: remove our others.
    End,
    /// Remove all files that are ours.
    Withdraw,
}

/// The name of a file: its directory, and the number that is its name there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    pub(crate) place: Place,
    pub(crate) number: u64,
}

impl Name {
    pub(crate) fn of_session(id: SessionId) -> Self {
        Self { place: Place::Sessions, number: id.get() }
    }

    pub(crate) fn of_user(uid: Uid) -> Self {
        Self { place: Place::Users, number: uid.get().into() }
    }
}

/// A directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    Sessions,
    Users,
}

impl Place {
    pub(super) const ALL: [Self; 2] = [Self::Sessions, Self::Users];

    /// Its name in `/run/systemd`.
    pub(super) fn directory(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Users => "users",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Sessions => 0,
            Self::Users => 1,
        }
    }
}

/// Orders with a number, as they are sent.
#[derive(Debug, Default)]
pub(super) struct Packet(Vec<u8>);

impl Packet {
    pub(super) fn new(number: u64) -> Self {
        Self(number.to_le_bytes().to_vec())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Appends an order.
    pub(super) fn push(&mut self, order: &Order) {
        let none = Name { place: Place::Sessions, number: 0 };
        let (kind, name, content) = match order {
            Order::Put(name, content) => (0, *name, content.as_str()),
            Order::Remove(name) => (1, *name, ""),
            Order::Begin => (2, none, ""),
            Order::End => (3, none, ""),
            Order::Withdraw => (4, none, ""),
        };
        self.0.extend([kind, name.place.number()]);
        self.0.extend(name.number.to_le_bytes());
        self.0.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.0.extend(content.as_bytes());
    }

    /// Appends the orders of another packet, which has no number.
    pub(super) fn append(&mut self, orders: &Self) {
        self.0.extend(&orders.0);
    }
}

/// The number of a packet and its orders. `None`: it is no packet of a broker.
pub(super) fn read(mut packet: &[u8]) -> Option<(u64, Vec<Order>)> {
    let number = number_of(&mut packet)?;
    let mut orders = Vec::new();
    while !packet.is_empty() {
        let [kind, place] = take(&mut packet)?;
        let place = Place::ALL.into_iter().find(|other| other.number() == place)?;
        let name = Name { place, number: number_of(&mut packet)? };
        let content = text(&mut packet)?;
        orders.push(match kind {
            0 => Order::Put(name, content),
            1 => Order::Remove(name),
            2 => Order::Begin,
            3 => Order::End,
            4 => Order::Withdraw,
            _ => return None,
        });
    }
    Some((number, orders))
}

fn number_of(packet: &mut &[u8]) -> Option<u64> {
    take(packet).map(u64::from_le_bytes)
}

fn text(packet: &mut &[u8]) -> Option<String> {
    let length = take(packet).map(u32::from_le_bytes)?;
    let (bytes, rest) = packet.split_at_checked(usize::try_from(length).ok()?)?;
    *packet = rest;
    String::from_utf8(bytes.to_vec()).ok()
}

/// Takes the first bytes.
fn take<const N: usize>(packet: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = packet.split_first_chunk()?;
    *packet = rest;
    Some(*first)
}

/// What the publisher answers: that the orders up to this number are carried out, and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) number: u64,
    pub(super) state: State,
}

/// How the publisher is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Well,
    /// Another manager has live sessions there. Nothing is written.
    Yields,
    /// The problem, as one line.
    Problem(String),
}

/// The longest answer.
pub(super) const ANSWER: usize = 1024;

impl Answer {
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (kind, text) = match &self.state {
            State::Well => (0, ""),
            State::Yields => (1, ""),
            State::Problem(problem) => (2, problem.as_str()),
        };
        let mut bytes = self.number.to_le_bytes().to_vec();
        bytes.push(kind);
        bytes.extend(text.as_bytes());
        bytes.truncate(ANSWER);
        bytes
    }

    pub(super) fn read(mut bytes: &[u8]) -> Option<Self> {
        let number = number_of(&mut bytes)?;
        let state = match take(&mut bytes)? {
            [0] => State::Well,
            [1] => State::Yields,
            _ => State::Problem(String::from_utf8_lossy(bytes).into_owned()),
        };
        Some(Self { number, state })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_answers_are_read_as_they_were_sent() {
        let name = |place, number| Name { place, number };
        let orders = [
            Order::Begin,
            Order::Put(name(Place::Sessions, 7), "UID=1\n".to_owned()),
            Order::Remove(name(Place::Users, 2001)),
            Order::End,
            Order::Withdraw,
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
        assert_eq!(Answer::read(b"1234567"), None);
    }
}
