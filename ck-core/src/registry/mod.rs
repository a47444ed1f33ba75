//! The table of sessions and users, and the rules by which it changes.
//!
//! [`Registry::apply`] takes one [`Input`] and returns the [`Effect`]s that are due. It performs no effect, reads no clock
//! and touches no file. It therefore cannot block, re-enter or fail half-way: a session has left the table before anything
//! that follows from its end begins.

mod account;
mod change;
mod end;
mod linger;
mod open;
mod seats;
mod slots;
#[cfg(test)]
mod tests;
mod users;
mod waits;

pub use change::{Effect, Input};

use crate::model::{Limit, Lingerer, RuntimeDir, Services, SessionRecord};
use ck_protocol::{Event, Pid, Session, SessionId, State, Token, Uid, UserName};
use seats::Seats;
use slots::Slots;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waits::Waits;

/// A user who is here: with at least one session, or with lingering on.
#[derive(Debug, Default)]
struct UserRecord {
    sessions: BTreeSet<SessionId>,
    dir: Option<RuntimeDir>,
}

/// The directory of a user who has left.
#[derive(Debug)]
struct ParkedDir {
    dir: RuntimeDir,
    /// The account that left it. A uid can be given to another one.
    name: UserName,
}

/// The table of sessions and users.
#[derive(Debug)]
pub struct Registry {
    slots: Slots,
    tokens: HashMap<Token, SessionId>,
    /// The sessions of each leader. Most leaders have one; the latest session of a leader has the largest id.
    leaders: BTreeSet<(Pid, SessionId)>,
    users: BTreeMap<Uid, UserRecord>,
    /// The sessions that wait for a runtime directory that is being made.
    making: HashMap<Uid, Vec<SessionId>>,
    /// The directories of users who have left, kept for a while.
    parked: HashMap<Uid, ParkedDir>,
    parks: bool,
    /// The users who keep a directory without a session.
    lingerers: BTreeMap<Uid, Lingerer>,
    /// What logins wait for.
    waits: Waits,
    /// The sessions whose logins wait, and for what.
    waiting: HashMap<SessionId, Waits>,
    limit: Limit,
    services: Services,
    seats: Seats,
    next: SessionId,
}

impl Registry {
    /// Restores the table from the records of the store. `ours` tells for which users the broker made the runtime
    /// directory. `next` is the first id that was never given to a session.
    #[must_use]
    pub fn restore(records: Vec<SessionRecord>, ours: impl Fn(Uid) -> bool, next: SessionId) -> Self {
        let mut registry = Self {
            slots: Slots::default(),
            tokens: HashMap::new(),
            leaders: BTreeSet::new(),
            users: BTreeMap::new(),
            making: HashMap::new(),
            parked: HashMap::new(),
            parks: false,
            lingerers: BTreeMap::new(),
            waits: Waits::default(),
            waiting: HashMap::new(),
            limit: Limit::NONE,
            services: Services::default(),
            seats: Seats::default(),
            next,
        };
        let mut records = records;
        records.sort_unstable_by_key(|record| record.session.id);
        for mut record in records {
            if record.session.seat.is_none() {
                record.session.state = State::Active;
            }
            let uid = record.session.uid;
            let dir = record.session.runtime_dir.clone().map(|path| RuntimeDir { path, ours: ours(uid) });
            registry.insert(record);
            let user = registry.users.entry(uid).or_default();
            user.dir = user.dir.take().or(dir);
        }
        registry
    }

    /// Sets whether the directory of a user who has left is kept for a while.
    pub fn park(&mut self, parks: bool) {
        self.parks = parks;
    }

    /// Sets the limit for new sessions. Open sessions stay.
    pub fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// The most sessions that there can be.
    #[must_use]
    pub fn most_sessions(&self) -> usize {
        self.limit.all
    }

    /// Sets the configuration of PAM services for new sessions.
    pub fn services(&mut self, services: Services) {
        self.services = services;
    }

    /// Applies the input. Returns the effects in the order in which they have to be carried out.
    pub fn apply(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Open(login) => self.open(&login),
            Input::RuntimeDir { uid, dir } => self.runtime_dir(uid, dir),
            Input::End(session, cause) => self.end(session, cause),
            Input::Foreground(vt) => self.foreground(vt),
            Input::Lock(id) => self.announce_to_owner(id, Event::lock_requested),
            Input::Unlock(id) => self.announce_to_owner(id, Event::unlock_requested),
            Input::DelayOver(uid) => {
                let due = self.parked.remove(&uid).map(|_| Effect::RetireRuntimeDir(uid));
                due.into_iter().collect()
            }
            Input::Linger { uid, lingerer, kept } => self.linger(uid, lingerer, kept),
            Input::LingerNoMore(uid) => self.linger_no_more(uid),
            Input::HooksDone(id) => self.wait_ends(id, |waits| waits.hooks = false),
            Input::FilesWritten(id) => self.wait_ends(id, |waits| waits.files = false),
            Input::AuditIds(session, ids) => self.audit_ids(session, ids),
            Input::WaitNoLonger(id) => self.wait_ends(id, |waits| *waits = Waits::default()),
        }
    }

    /// The session `id`.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<&SessionRecord> {
        self.slots.get(id)
    }

    /// The sessions with this id and all later ones, ordered by id.
    pub fn from(&self, id: SessionId) -> impl Iterator<Item = &SessionRecord> {
        self.slots.from(id)
    }

    /// The number of sessions.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.slots.len()
    }

    /// True if the user has a runtime directory that sessions use, or may use again.
    #[must_use]
    pub fn has_runtime_dir(&self, uid: Uid) -> bool {
        self.parked.contains_key(&uid) || self.users.get(&uid).is_some_and(|user| user.dir.is_some())
    }

    /// The number of users.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// The first id that was never given to a session.
    #[must_use]
    pub fn next_id(&self) -> SessionId {
        self.next
    }

    /// Enters a session into every table.
    fn insert(&mut self, record: SessionRecord) {
        let id = record.session.id;
        self.tokens.insert(record.token, id);
        self.leaders.insert((record.session.leader_pid, id));
        self.users.entry(record.session.uid).or_default().sessions.insert(id);
        self.slots.push(record);
    }

    /// Announces an event to the programs of the owner of a session.
    fn announce_to_owner(&self, id: SessionId, event: fn(&Session) -> Event) -> Vec<Effect> {
        let Some(SessionRecord { session, .. }) = self.slots.get(id) else { return Vec::new() };
        let (uid, user) = (session.uid, session.user.clone());
        vec![Effect::Announce(event(session)), Effect::ReplyTold { uid, user }]
    }

    /// The sessions of a leader, ordered by id.
    fn led_by(&self, leader: Pid) -> impl DoubleEndedIterator<Item = SessionId> {
        let all = (leader, SessionId::new(0))..=(leader, SessionId::new(u64::MAX));
        self.leaders.range(all).map(|(_, id)| *id)
    }
}
