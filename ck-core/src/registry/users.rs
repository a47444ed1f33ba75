//! Users as others see them, and the sessions of users and leaders.

use super::{Registry, UserRecord};
use crate::model::SessionRecord;
use ck_protocol::{Session, SessionId, State, Uid, User, UserState};
use std::ops::Bound;

impl Registry {
    /// The user `uid` and all users with larger uids, ordered by uid.
    pub fn users_from(&self, uid: Uid) -> impl Iterator<Item = User> {
        self.users.range(uid..).filter_map(|(&uid, user)| self.shown(uid, user))
    }

    fn shown(&self, uid: Uid, user: &UserRecord) -> Option<User> {
        let sessions =
            || user.sessions.iter().filter_map(|id| self.slots.get(*id)).map(|record| &record.session);
        // The account that has logged in last: a uid can be given to another one.
        let last: Option<&Session> = sessions().next_back();
        let lingerer = self.lingerers.get(&uid);
        let state = match last {
            None => UserState::Lingering,
            Some(_) if sessions().any(|session| session.state == State::Active) => UserState::Active,
            Some(_) => UserState::Online,
        };
        Some(User {
            uid,
            name: last.map(|session| &session.user).or(lingerer.map(|lingerer| &lingerer.name))?.clone(),
            sessions: u64::try_from(user.sessions.len()).unwrap_or(u64::MAX),
            linger: lingerer.is_some(),
            state,
            runtime_dir: user.dir.as_ref().map(|dir| dir.path.clone()),
        })
    }

    /// The user as others see them, and their sessions, by id. `None`: there is nothing to be seen.
    #[must_use]
    pub fn published(&self, uid: Uid) -> Option<(User, Vec<&Session>)> {
        let record = self.users.get(&uid)?;
        let sessions =
            record.sessions.iter().filter_map(|id| self.slots.get(*id)).map(|record| &record.session);
        let sessions: Vec<_> = sessions.collect();
        let is_here = !sessions.is_empty() || self.lingers(uid);
        is_here.then(|| self.shown(uid, record)).flatten().map(|user| (user, sessions))
    }

    /// True if the user has a session or lingers.
    #[must_use]
    pub fn is_here(&self, uid: Uid) -> bool {
        self.users.contains_key(&uid)
    }

    /// The lingering user with the next uid after `after`, or with the smallest uid.
    #[must_use]
    pub fn next_lingerer(&self, after: Option<Uid>) -> Option<User> {
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (&uid, _) = self.lingerers.range((after, Bound::Unbounded)).next()?;
        self.shown(uid, self.users.get(&uid)?)
    }

    /// The sessions of a user, ordered by id.
    #[must_use]
    pub fn sessions_of(&self, uid: Uid) -> Vec<SessionId> {
        self.users.get(&uid).map(|user| user.sessions.iter().copied().collect()).unwrap_or_default()
    }

    /// True if the leader of the session leads another session too. An earlier process with the same pid is another
    /// leader.
    #[must_use]
    pub fn shares_leader(&self, id: SessionId) -> bool {
        let Some(record) = self.slots.get(id) else { return false };
        let others = self.led_by(record.session.leader_pid).filter(|other| *other != id);
        let identity = |record: &SessionRecord| (record.leader_started, record.leader_inode);
        others.filter_map(|other| self.slots.get(other)).any(|other| identity(other) == identity(record))
    }
}
