//! The policy: who may do and see what on `admin.sock`.
//!
//! There is one table. [`Requester::may`] looks up in it whether a request is carried out. [`Visibility`] looks up in the
//! same table whether a subscriber receives an event.
//!
//! A session, user or teardown that a peer may not see does not exist for that peer. Lists leave it out, and a request for
//! its id gets the same reply as a request for an unknown id.

use ck_protocol::{Event, SessionId, Uid};
use serde::Deserialize;

/// What a peer wants to do or to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the status of the broker, and the list of seats.
    Status,
    /// See a session, a user or a teardown, receive their events, and see which session of a seat is active.
    See,
    /// Receive the events that a session is to be locked or unlocked.
    HearLock,
    /// End sessions.
    Terminate,
    /// Request that a session is locked or unlocked.
    Lock,
    /// Bring a session to the foreground of its seat.
    Activate,
    /// Start or stop the lingering of a user.
    Linger,
    /// Retry teardowns that were given up.
    RetryTeardowns,
}

/// The role of a peer towards the user whom an action concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Uid 0.
    Root,
    /// A member of the group that `admin.group` names.
    Admin,
    /// The user whose session, directory or lingering it is.
    Owner,
    /// Any other user.
    Anyone,
}

/// Which sessions users may see: the key `admin.list`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Listing {
    /// All sessions.
    #[default]
    All,
    /// Their own sessions only.
    Own,
}

/// A cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Yes,
    No,
    /// Yes, unless [`Listing::Own`] is configured.
    Open,
}

impl Action {
    /// The row of the table, with a cell for each [`Role`]: root, admin, owner, anyone.
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

    /// True if the table allows the action to the role.
    #[must_use]
    pub fn is_allowed(self, role: Role, listing: Listing) -> bool {
        let [root, admin, owner, anyone] = self.row();
        let rule = match role {
            Role::Root => root,
            Role::Admin => admin,
            Role::Owner => owner,
            Role::Anyone => anyone,
        };
        match rule {
            Rule::Yes => true,
            Rule::No => false,
            Rule::Open => listing == Listing::All,
        }
    }
}

/// The configured policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which sessions users may see.
    pub listing: Listing,
    /// The gid of the administrators' group: the key `admin.group`.
    pub group: Option<u32>,
}

impl Policy {
    /// The peer `uid` under this policy. `is_admin`: the peer is in the administrators' group.
    #[must_use]
    pub fn requester(self, uid: u32, is_admin: bool) -> Requester {
        Requester { uid, is_admin, listing: self.listing }
    }
}

/// A peer of `admin.sock` under the policy of this moment. It is made for one reply or one turn of a subscriber and never
/// kept, so that a change of the policy takes effect at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The uid of the peer, from the kernel.
    pub uid: u32,
    /// True if the peer is in the administrators' group.
    pub is_admin: bool,
    /// Which sessions users may see.
    pub listing: Listing,
}

impl Requester {
    /// A peer that is no longer connected: it has no uid, and sees nothing of others.
    pub const NOBODY: Self = Self { uid: u32::MAX, is_admin: false, listing: Listing::Own };

    /// True if the peer may do this. `owner` is the user whom the action concerns, if it concerns one.
    #[must_use]
    pub fn may(&self, action: Action, owner: Option<Uid>) -> bool {
        action.is_allowed(self.role(owner), self.listing)
    }

    fn role(&self, owner: Option<Uid>) -> Role {
        match owner {
            _ if self.uid == 0 => Role::Root,
            _ if self.is_admin => Role::Admin,
            Some(owner) if owner.get() == self.uid => Role::Owner,
            _ => Role::Anyone,
        }
    }
}

/// Which peers may receive an event. It is looked up in the table whenever the event is offered to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Peers who may do this to the user.
    Of(Action, Uid),
    /// Peers who may see the sessions of both users: of the session that is active on a seat, and of the one before. The
    /// owner of a session that has just ended is unknown (`Some(None)`).
    OfSeat([Option<Option<Uid>>; 2]),
    /// All peers whom a change of the policy can concern.
    AllButRoot,
}

impl Visibility {
    /// The visibility of the event. `owner_of` returns the owner of a session that is on a seat.
    #[must_use]
    pub fn of(event: &Event, owner_of: impl Fn(SessionId) -> Option<Uid>) -> Self {
        match event {
            Event::UserAdded { uid, .. }
            | Event::UserRemoved { uid, .. }
            | Event::TeardownFinished(uid)
            | Event::TeardownFailed(uid)
            | Event::SessionRemoved { uid, .. } => Self::Of(Action::See, *uid),
            Event::SessionAdded(session) | Event::SessionChanged(session) => {
                Self::Of(Action::See, session.uid)
            }
            Event::LockRequested { uid, .. } | Event::UnlockRequested { uid, .. } => {
                Self::Of(Action::HearLock, *uid)
            }
            Event::SeatChanged { active, before, .. } => {
                Self::OfSeat([*active, *before].map(|id| id.map(&owner_of)))
            }
        }
    }

    /// True if the peer may receive the event.
    #[must_use]
    pub fn includes(self, requester: &Requester) -> bool {
        match self {
            Self::Of(action, uid) => requester.may(action, Some(uid)),
            Self::AllButRoot => requester.uid != 0,
            Self::OfSeat(owners) => {
                owners.into_iter().flatten().all(|owner| requester.may(Action::See, owner))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::Text;

    const ROLES: [Role; 4] = [Role::Root, Role::Admin, Role::Owner, Role::Anyone];

    /// The table once more, as docs/PERMISSIONS.md has it, cell by cell: `y`es, `n`o.
    #[test]
    fn the_whole_table() {
        for (action, all, own) in [
            (Action::Status, "yyyy", "yyyy"),
            (Action::See, "yyyy", "yyyn"),
            (Action::HearLock, "yyyn", "yyyn"),
            (Action::Terminate, "yyyn", "yyyn"),
            (Action::Lock, "yyyn", "yyyn"),
            (Action::Activate, "yyyn", "yyyn"),
            (Action::Linger, "yyyn", "yyyn"),
            (Action::RetryTeardowns, "yynn", "yynn"),
        ] {
            for (listing, expected) in [(Listing::All, all), (Listing::Own, own)] {
                let found: String = ROLES
                    .map(|role| if action.is_allowed(role, listing) { 'y' } else { 'n' })
                    .into_iter()
                    .collect();
                assert_eq!(found, expected, "{action:?} {listing:?}");
            }
        }
    }

    fn uid(number: u32) -> Uid {
        Uid::try_from(number).unwrap()
    }

    #[test]
    fn the_uid_and_the_group_decide_the_role() {
        let requester = |uid, is_admin| Requester { uid, is_admin, listing: Listing::Own };
        for (requester, owner, role) in [
            (requester(0, false), Some(uid(2001)), Role::Root),
            (requester(0, false), None, Role::Root),
            (requester(2001, true), Some(uid(2001)), Role::Admin),
            (requester(2002, true), Some(uid(2001)), Role::Admin),
            (requester(2001, false), Some(uid(2001)), Role::Owner),
            (requester(2002, false), Some(uid(2001)), Role::Anyone),
            (requester(2002, false), None, Role::Anyone),
            (requester(2002, false), Some(Uid::ROOT), Role::Anyone),
        ] {
            assert_eq!(requester.role(owner), role, "{requester:?} {owner:?}");
        }
    }

    #[test]
    fn an_event_reaches_those_who_may_see_what_it_is_about() {
        let requester = |uid, listing| Requester { uid, is_admin: false, listing };
        let (id, uid) = (SessionId::FIRST, uid(2001));
        let owner_of = |_| Some(uid);
        let lock = Event::LockRequested { id, uid, user: None };
        for listing in [Listing::All, Listing::Own] {
            let heard =
                [0, 2001, 2002].map(|uid| Visibility::of(&lock, owner_of).includes(&requester(uid, listing)));
            assert_eq!(heard, [true, true, false]);
        }
        let seat = Event::SeatChanged { seat: Text::clipped("seat0"), active: Some(id), before: None };
        let removed = Event::SessionRemoved { id, uid, end: None };
        for event in [Event::UserAdded { uid, user: None }, removed, seat.clone()] {
            assert!(Visibility::of(&event, owner_of).includes(&requester(2002, Listing::All)));
            assert!(!Visibility::of(&event, owner_of).includes(&requester(2002, Listing::Own)));
            assert!(Visibility::of(&event, owner_of).includes(&requester(2001, Listing::Own)));
        }
        assert!(
            !Visibility::of(&seat, |_| None).includes(&requester(2001, Listing::Own)),
            "whose it was nobody knows"
        );
    }
}
