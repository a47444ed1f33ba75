//! The tables `[seats.NAME]`: seats other than `seat0`.

use ck_protocol::{ShortName, TooLong};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of seats besides `seat0`.
const MAX_SEATS: usize = 64;

/// The seats, each with its terminals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<String, Table>")]
pub struct Seats(pub Vec<(ShortName, Vec<ShortName>)>);

/// The table of one seat.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    ttys: Vec<String>,
}

/// Why the configured seats are invalid.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSeats {
    /// There are too many.
    #[error("{0} seats are too many: at most {MAX_SEATS} are allowed")]
    Many(usize),
    /// A name that no seat can have.
    #[error(
        "`{0}` is an invalid seat name: write seat1, or seat- and letters, digits, - or _; seat0 has the virtual terminals"
    )]
    Name(String),
    /// A name that is too long.
    #[error("`{0}`: {1}")]
    Long(String, TooLong),
    /// A terminal that cannot be on a seat.
    #[error(
        "`{0}` is an invalid terminal of a seat: write it without /dev/, for example ttyS1; virtual terminals belong to seat0"
    )]
    Tty(String),
    /// A terminal that is on two seats.
    #[error("`{0}` is on two seats")]
    Twice(String),
}

impl TryFrom<BTreeMap<String, Table>> for Seats {
    type Error = BadSeats;

    fn try_from(tables: BTreeMap<String, Table>) -> Result<Self, BadSeats> {
        if tables.len() > MAX_SEATS {
            return Err(BadSeats::Many(tables.len()));
        }
        let mut taken = BTreeSet::new();
        for tty in tables.values().flat_map(|table| &table.ttys) {
            if !taken.insert(tty) {
                return Err(BadSeats::Twice(tty.clone()));
            }
        }
        let seat = |(name, table): &(String, Table)| {
            Ok((seat_name(name)?, table.ttys.iter().map(|tty| tty_name(tty)).collect::<Result<_, _>>()?))
        };
        drop(taken);
        let tables: Vec<_> = tables.into_iter().collect();
        tables.iter().map(seat).collect::<Result<_, _>>().map(Self)
    }
}

/// Checks the name of a seat, which has the form that loginctl(1) uses.
fn seat_name(name: &str) -> Result<ShortName, BadSeats> {
    let rest = name.strip_prefix("seat").filter(|rest| !rest.is_empty() && *rest != "0");
    let plain = |rest: &str| rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if !rest.is_some_and(plain) {
        return Err(BadSeats::Name(name.to_owned()));
    }
    short(name)
}

fn tty_name(tty: &str) -> Result<ShortName, BadSeats> {
    let number = tty.strip_prefix("tty").unwrap_or_default();
    let is_virtual = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    if tty.is_empty() || tty.starts_with('/') || is_virtual {
        return Err(BadSeats::Tty(tty.to_owned()));
    }
    short(tty)
}

fn short(name: &str) -> Result<ShortName, BadSeats> {
    ShortName::new(name).map_err(|error| BadSeats::Long(name.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_have_names_and_terminals() {
        let read = |text| toml::from_str::<Seats>(text).map(|seats| seats.0);
        let name = ShortName::clipped;
        let two = read("[seat1]\nttys = [\"ttyS1\", \"pts/7\"]\n[seat-rack_2]\nttys = []").unwrap();
        let first = (name("seat1"), vec![name("ttyS1"), name("pts/7")]);
        assert_eq!(two, [(name("seat-rack_2"), vec![]), first]);
        for bad in [
            "[seat0]\nttys = [\"ttyS1\"]",
            "[seat]\nttys = []",
            "[chair1]\nttys = []",
            "[\"seat 1\"]\nttys = []",
            "[seat1]",
            "[seat1]\nttys = [\"tty1\"]",
            "[seat1]\nttys = [\"/dev/ttyS1\"]",
            "[seat1]\nttys = [\"\"]",
            "[seat1]\nttys = [\"ttyS1\", \"ttyS1\"]",
            "[seat1]\nttys = [\"ttyS1\"]\n[seat2]\nttys = [\"ttyS1\"]",
            "[seat1]\nttys = []\nvts = true",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let many: String = (1..=65).map(|n| format!("[seat{n}]\nttys = []\n")).collect();
        assert!(read(&many).is_err());
    }
}
