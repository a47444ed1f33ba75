//! Who may ask what: one table, looked up wherever `admin.sock` is answered.
//!
//! A session, user or teardown that a peer may not see does not exist for that peer: it is left out of
//! lists, and asking for it by id is answered as any other id that nobody has.

use ck_protocol::Uid;
use serde::Deserialize;

/// How a peer stands to what it asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Uid 0.
    Root,
    /// A member of the group that `admin.group` names.
    Admin,
    /// The user whose session, directory or lingering it is.
    Owner,
    /// Everybody else.
    Anyone,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To know how the broker is, and which seats there are.
    Status,
    /// To see a session, a user or a teardown, to hear of them, and to know which session of a seat is active.
    See,
    /// To hear that a session is to be locked or unlocked.
    HearLock,
    /// To end sessions.
    Terminate,
    /// To have a session locked or unlocked.
    Lock,
    /// To bring a session to the foreground of its seat.
    Activate,
    /// To have a user linger, or not.
    Linger,
    /// To have teardowns tried again that were given up.
    RetryTeardowns,
}

/// Whose sessions everybody may see: `admin.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// All.
    #[default]
    All,
    /// Their own.
    Own,
}

/// What the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Yes,
    No,
    /// Unless the configuration closes it.
    Open,
}

impl Asked {
    /// The row of the table: root, the group, the owner, anyone.
    const fn row(self) -> [Rule; 4] {
        use Rule::{No, Open, Yes};
        match self {
            Self::Status => [Yes, Yes, Yes, Yes],
            Self::See => [Yes, Yes, Yes, Open],
            Self::HearLock => [Yes, Yes, Yes, No],
            Self::Terminate => [Yes, Yes, Yes, No],
            Self::Lock => [Yes, Yes, Yes, No],
            Self::Activate => [Yes, Yes, Yes, No],
            Self::Linger => [Yes, Yes, Yes, No],
            Self::RetryTeardowns => [Yes, Yes, No, No],
        }
    }

    /// Whether one who stands so may have it.
    #[must_use]
    pub fn is_allowed(self, standing: Standing, listing: Listing) -> bool {
        let [root, admin, owner, anyone] = self.row();
        let rule = match standing {
            Standing::Root => root,
            Standing::Admin => admin,
            Standing::Owner => owner,
            Standing::Anyone => anyone,
        };
        match rule {
            Rule::Yes => true,
            Rule::No => false,
            Rule::Open => listing == Listing::All,
        }
    }
}

/// A peer of `admin.sock`, as the kernel named it when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who it is.
    pub uid: u32,
    /// Whether it is in the group that `admin.group` names.
    pub is_admin: bool,
    /// Whose sessions everybody may see.
    pub listing: Listing,
}

impl Asker {
    /// Whether this peer may have what is asked; `owner` is the user whom it is about, if it is about one.
    #[must_use]
    pub fn may(&self, asked: Asked, owner: Option<Uid>) -> bool {
        asked.is_allowed(self.standing(owner), self.listing)
    }

    fn standing(&self, owner: Option<Uid>) -> Standing {
        match owner {
            _ if self.uid == 0 => Standing::Root,
            _ if self.is_admin => Standing::Admin,
            Some(owner) if owner.get() == self.uid => Standing::Owner,
            _ => Standing::Anyone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Audience;
    use ck_protocol::{Event, SessionId, Text};

    const STANDINGS: [Standing; 4] = [Standing::Root, Standing::Admin, Standing::Owner, Standing::Anyone];

    /// The table once more, as README has it, cell by cell: `y`es, `n`o.
    #[test]
    fn the_whole_table() {
        for (asked, all, own) in [
            (Asked::Status, "yyyy", "yyyy"),
            (Asked::See, "yyyy", "yyyn"),
            (Asked::HearLock, "yyyn", "yyyn"),
            (Asked::Terminate, "yyyn", "yyyn"),
            (Asked::Lock, "yyyn", "yyyn"),
            (Asked::Activate, "yyyn", "yyyn"),
            (Asked::Linger, "yyyn", "yyyn"),
            (Asked::RetryTeardowns, "yynn", "yynn"),
        ] {
            for (listing, expected) in [(Listing::All, all), (Listing::Own, own)] {
                let found: String = STANDINGS
                    .map(|standing| if asked.is_allowed(standing, listing) { 'y' } else { 'n' })
                    .into_iter()
                    .collect();
                assert_eq!(found, expected, "{asked:?} {listing:?}");
            }
        }
    }

    fn uid(number: u32) -> Uid {
        Uid::try_from(number).unwrap()
    }

    #[test]
    fn who_one_is_decides_how_one_stands() {
        let asker = |uid, is_admin| Asker { uid, is_admin, listing: Listing::Own };
        for (asker, owner, standing) in [
            (asker(0, false), Some(uid(2001)), Standing::Root),
            (asker(0, false), None, Standing::Root),
            (asker(2001, true), Some(uid(2001)), Standing::Admin),
            (asker(2002, true), Some(uid(2001)), Standing::Admin),
            (asker(2001, false), Some(uid(2001)), Standing::Owner),
            (asker(2002, false), Some(uid(2001)), Standing::Anyone),
            (asker(2002, false), None, Standing::Anyone),
            (asker(2002, false), Some(Uid::ROOT), Standing::Anyone),
        ] {
            assert_eq!(asker.standing(owner), standing, "{asker:?} {owner:?}");
        }
    }

    #[test]
    fn an_event_reaches_those_who_may_see_what_it_is_about() {
        let asker = |uid, listing| Asker { uid, is_admin: false, listing };
        let (id, uid) = (SessionId::FIRST, uid(2001));
        let owner_of = |_| Some(uid);
        let lock = Event::LockRequested { id, uid };
        for listing in [Listing::All, Listing::Own] {
            let heard = [0, 2001, 2002].map(|uid| Audience::of(&lock, owner_of).has(&asker(uid, listing)));
            assert_eq!(heard, [true, true, false]);
        }
        let seat = Event::SeatChanged { seat: Text::clipped("seat0"), active: Some(id), before: None };
        for event in [Event::UserAdded(uid), Event::SessionRemoved { id, uid }, seat.clone()] {
            assert!(Audience::of(&event, owner_of).has(&asker(2002, Listing::All)));
            assert!(!Audience::of(&event, owner_of).has(&asker(2002, Listing::Own)));
            assert!(Audience::of(&event, owner_of).has(&asker(2001, Listing::Own)));
        }
        assert!(!Audience::of(&seat, |_| None).has(&asker(2001, Listing::Own)), "whose it was nobody knows");
    }
}
