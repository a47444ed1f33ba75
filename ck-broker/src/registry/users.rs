//! Users, as they are shown, and which sessions are whose.

use super::{Entry, Registry, User as Member};
use ck_protocol::{Session, SessionId, State, Uid, User, UserState};
use std::ops::Bound;

impl Registry {
    /// The users from `uid` on, by uid.
    pub fn users_from(&self, uid: Uid) -> impl Iterator<Item = User> {
        self.users.range(uid..).filter_map(|(&uid, user)| self.shown(uid, user))
    }

    fn shown(&self, uid: Uid, user: &Member) -> Option<User> {
        let sessions =
            || user.sessions.iter().filter_map(|id| self.slots.get(*id)).map(|entry| &entry.session);
        let first: Option<&Session> = sessions().next();
        let lingerer = self.lingerers.get(&uid);
        let state = match first {
            None => UserState::Lingering,
            Some(_) if sessions().any(|session| session.state == State::Active) => UserState::Active,
            Some(_) => UserState::Online,
        };
        Some(User {
            uid,
            name: first.map(|session| &session.user).or(lingerer.map(|lingerer| &lingerer.name))?.clone(),
            sessions: u64::try_from(user.sessions.len()).unwrap_or(u64::MAX),
            linger: lingerer.is_some(),
            state,
            runtime_dir: user.dir.as_ref().map(|dir| dir.path.clone()),
        })
    }

    /// Whether the user has a session, or lingers.
    #[must_use]
    pub fn is_here(&self, uid: Uid) -> bool {
        self.users.contains_key(&uid)
    }

    /// The user who lingers next after `uid`, or the first, by uid.
    #[must_use]
    pub fn next_lingerer(&self, after: Option<Uid>) -> Option<User> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (&uid, _) = self.lingerers.range((after, Bound::Unbounded)).next()?;
        self.shown(uid, self.users.get(&uid)?)
    }

    /// The sessions of a user, by id.
    #[must_use]
    pub fn sessions_of(&self, uid: Uid) -> Vec<SessionId> {
        self.users.get(&uid).map(|user| user.sessions.iter().copied().collect()).unwrap_or_default()
    }

    /// Whether the leader of the session leads another one, too. A process that had the same pid before
    /// is another leader.
    #[must_use]
    pub fn shares_leader(&self, id: SessionId) -> bool {
        let Some(entry) = self.slots.get(id) else { return false };
        let others = self.led_by(entry.session.leader_pid).filter(|other| *other != id);
        let process = |entry: &Entry| (entry.leader_started, entry.leader_inode);
        others.filter_map(|other| self.slots.get(other)).any(|other| process(other) == process(entry))
    }
}
