//! Who is logged in: a plain value, and the rules by which it changes.
//!
//! [`Registry::apply`] takes one [`Input`] and returns the [`Effect`]s that are now due. It never
//! performs them, asks no clock and touches no file, so nothing in it can block, re-enter or
//! fail half-way: a session is out of the table before anything that its end entails begins.

mod change;
mod linger;
mod login;
mod seats;
mod services;
mod slots;
#[cfg(test)]
mod tests;
mod users;

pub use change::{Effect, Input, Lingerer, RuntimeDir};
pub use login::{Leader, Login};
pub use services::{Belonging, Service, Services};

use crate::{
    hooks::Occasion,
    limit::{Full, Limit},
};
use ck_protocol::{
    Event, Gid, Opened, PathText, Pid, Refusal, RefusalCode, Reply, Session, SessionId, SessionRef, State,
    Text, Token, Uid,
};
use seats::Seats;
use serde::{Deserialize, Serialize};
use slots::Slots;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A session as the broker keeps it, and as the store writes it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What others may see.
    pub session: Session,
    /// What its PAM module calls it.
    pub token: Token,
    /// When the leader started, where it has no inode: see [`Leader`].
    pub leader_started: u64,
    /// The inode of a pidfd of the leader, where that names one process only.
    pub leader_inode: Option<u64>,
}

/// A uid with at least one session, or with lingering on.
#[derive(Debug, Default)]
struct User {
    sessions: BTreeSet<SessionId>,
    dir: Option<RuntimeDir>,
}

/// The table of sessions and users.
#[derive(Debug)]
pub struct Registry {
    slots: Slots,
    tokens: HashMap<Token, SessionId>,
    /// Most lead one session; the one that was opened last has the largest id.
    leaders: BTreeSet<(Pid, SessionId)>,
    users: BTreeMap<Uid, User>,
    /// Who waits for a runtime directory that is being made.
    making: HashMap<Uid, Vec<SessionId>>,
    /// Directories of users who have left, kept for a while.
    parked: HashMap<Uid, RuntimeDir>,
    parks: bool,
    /// Who is here without a session too.
    lingerers: BTreeMap<Uid, Lingerer>,
    /// Whether a login waits until hooks have been told of it.
    waits: bool,
    /// Those that do.
    waiting: HashSet<SessionId>,
    limit: Limit,
    services: Services,
    seats: Seats,
    next: SessionId,
}

impl Registry {
    /// The table as the store kept it. `ours` tells whose runtime directories the broker made;
    /// `next` is the first id that was never given to anybody.
    #[must_use]
    pub fn restore(entries: Vec<Entry>, ours: impl Fn(Uid) -> bool, next: SessionId) -> Self {
        let mut registry = Self {
            slots: Slots::default(),
            tokens: HashMap::new(),
            leaders: BTreeSet::new(),
            users: BTreeMap::new(),
            making: HashMap::new(),
            parked: HashMap::new(),
            parks: false,
            lingerers: BTreeMap::new(),
            waits: false,
            waiting: HashSet::new(),
            limit: Limit::NONE,
            services: Services::default(),
            seats: Seats::default(),
            next,
        };
        let mut entries = entries;
        entries.sort_unstable_by_key(|entry| entry.session.id);
        for mut entry in entries {
            if entry.session.seat.is_none() {
                entry.session.state = State::Active;
            }
            let uid = entry.session.uid;
            let dir = entry.session.runtime_dir.clone().map(|path| RuntimeDir { path, ours: ours(uid) });
            registry.insert(entry);
            let user = registry.users.entry(uid).or_default();
            user.dir = user.dir.take().or(dir);
        }
        registry
    }

    /// From now on, a directory whose last user has left is kept for a while, or not.
    pub fn park(&mut self, parks: bool) {
        self.parks = parks;
    }

    /// From now on, a login is answered when hooks have been told of it, or at once.
    pub fn wait_for_hooks(&mut self, waits: bool) {
        self.waits = waits;
    }

    /// From now on, no session is opened over `limit`. Those that there are stay.
    pub fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// From now on, what logins become is as configured here.
    pub fn services(&mut self, services: Services) {
        self.services = services;
    }

    /// Takes in what happened; returns what is to be done about it, in that order.
    pub fn apply(&mut self, input: Input) -> Vec<Effect> {
        match input {
            Input::Open(login) => self.open(&login),
            Input::RuntimeDir { uid, dir } => self.runtime_dir(uid, dir),
            Input::End(session) => self.end(session),
            Input::Foreground(vt) => self.foreground(vt),
            Input::Lock(id) => self.tell(id, |id, uid| Event::LockRequested { id, uid }),
            Input::Unlock(id) => self.tell(id, |id, uid| Event::UnlockRequested { id, uid }),
            Input::DelayOver(uid) => {
                let due = self.parked.remove(&uid).map(|_| Effect::RetireRuntimeDir(uid));
                due.into_iter().collect()
            }
            Input::Linger { uid, lingerer, kept } => self.linger(uid, lingerer, kept),
            Input::LingerNoMore(uid) => self.linger_no_more(uid),
            Input::HooksDone(id) => self.hooks_done(id),
        }
    }

    /// The session `id`.
    #[must_use]
    pub fn get(&self, id: SessionId) -> Option<&Entry> {
        self.slots.get(id)
    }

    /// The sessions from `id` on, by id.
    pub fn from(&self, id: SessionId) -> impl Iterator<Item = &Entry> {
        self.slots.from(id)
    }

    /// How many sessions there are.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.slots.len()
    }

    /// Whether the user has a runtime directory, in which sessions live or soon may again.
    #[must_use]
    pub fn has_runtime_dir(&self, uid: Uid) -> bool {
        self.parked.contains_key(&uid) || self.users.get(&uid).is_some_and(|user| user.dir.is_some())
    }

    /// How many users there are.
    #[must_use]
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// The first id that nobody has had.
    #[must_use]
    pub fn next_id(&self) -> SessionId {
        self.next
    }

    fn open(&mut self, login: &Login) -> Vec<Effect> {
        let uid = login.open.uid;
        if let Some(entry) = self.tokens.get(&login.open.token).and_then(|&id| self.slots.get(id)) {
            return self.again(entry, uid);
        }
        let parent = self.parent(login);
        if let Some(outer) = parent.filter(|parent| self.is_part_of(parent, login)) {
            return vec![Effect::Join(opened(outer))];
        }
        if let Some(message) = self.over_limit(uid) {
            return vec![Effect::Reply(refused(RefusalCode::Busy, &message))];
        }
        let id = self.next;
        let mut session = login.session(id, parent, &self.services);
        self.seats.place(&mut session);
        let entry = Entry {
            session,
            token: login.open.token,
            leader_started: login.leader.started,
            leader_inode: login.leader.inode,
        };
        self.next = id.next();
        let mut effects = Vec::new();
        if !self.users.contains_key(&uid) {
            effects.push(Effect::Announce(Event::UserAdded(uid)));
        }
        self.insert(entry);
        if login.open.runtime_dir && uid != Uid::ROOT {
            effects.extend(self.want_runtime_dir(id, uid, login.open.gid));
        } else {
            effects.extend(self.complete(id, None));
        }
        effects
    }

    /// The answer to a login that asks again, because it never saw the first answer.
    fn again(&self, entry: &Entry, uid: Uid) -> Vec<Effect> {
        if entry.session.uid != uid {
            let message = "this token names a session of another user: open with fresh random bits";
            return vec![Effect::Reply(refused(RefusalCode::Invalid, message))];
        }
        let id = entry.session.id;
        if self.waiting.contains(&id) {
            return vec![Effect::Await(id)];
        }
        if entry.session.state == State::Opening {
            return Vec::new();
        }
        vec![Effect::Reply(Reply::Opened(opened(&entry.session)))]
    }

    /// The session that the login was started in.
    fn parent(&self, login: &Login) -> Option<&Session> {
        let id = login.ancestors.iter().find_map(|pid| self.led_by(*pid).next_back())?;
        self.slots.get(id).map(|entry| &entry.session)
    }

    /// Whether the login is none of its own: its user is in that session already.
    fn is_part_of(&self, parent: &Session, login: &Login) -> bool {
        let open = &login.open;
        parent.uid == open.uid
            && parent.state != State::Opening
            && self.services.belonging(&open.service) == Belonging::Inner
    }

    /// Why the user can have no more sessions now.
    fn over_limit(&self, uid: Uid) -> Option<String> {
        let own = self.users.get(&uid).map_or(0, |user| user.sessions.len());
        let all = self.slots.len();
        Some(match self.limit.admits(uid, own, all).err()? {
            Full::OfUser => format!("uid {uid} has {own} sessions, and cannot have more: end some"),
            Full::ForOthers => {
                format!(
                    "there are {all} sessions, and the last places are for users who have none: end some of yours"
                )
            }
            Full::All => {
                format!(
                    "there are {all} sessions, and no more can be had: root can end some (ckctl terminate)"
                )
            }
        })
    }

    /// Enters a session into every table.
    fn insert(&mut self, entry: Entry) {
        let id = entry.session.id;
        self.tokens.insert(entry.token, id);
        self.leaders.insert((entry.session.leader_pid, id));
        self.users.entry(entry.session.uid).or_default().sessions.insert(id);
        self.slots.push(entry);
    }

    /// Completes the session with the directory that its user has, or has one made.
    fn want_runtime_dir(&mut self, id: SessionId, uid: Uid, gid: Gid) -> Vec<Effect> {
        if let Some(user) = self.users.get_mut(&uid) {
            user.dir = user.dir.take().or_else(|| self.parked.remove(&uid));
            if let Some(dir) = &user.dir {
                let path = dir.path.clone();
                return self.complete(id, Some(path));
            }
        }
        if let Some(waiting) = self.making.get_mut(&uid) {
            waiting.push(id);
            return Vec::new();
        }
        self.making.insert(uid, vec![id]);
        vec![Effect::MakeRuntimeDir { uid, gid }]
    }

    /// A runtime directory is ready, or could not be had.
    fn runtime_dir(&mut self, uid: Uid, dir: Option<RuntimeDir>) -> Vec<Effect> {
        let waiting = self.making.remove(&uid).unwrap_or_default();
        let Some(user) = self.users.get_mut(&uid) else {
            // Everybody who asked for it has gone meanwhile.
            let ours = dir.is_some_and(|dir| dir.ours);
            return ours.then_some(Effect::RetireRuntimeDir(uid)).into_iter().collect();
        };
        let path = dir.as_ref().map(|dir| dir.path.clone());
        user.dir = dir;
        waiting.into_iter().flat_map(|id| self.complete(id, path.clone())).collect()
    }

    /// The session has all it needs: make it known.
    fn complete(&mut self, id: SessionId, dir: Option<PathText>) -> Vec<Effect> {
        let Some(entry) = self.slots.get_mut(id) else { return Vec::new() };
        entry.session.runtime_dir = dir;
        let changes = self.sit(id);
        let Some(Entry { session, .. }) = self.slots.get(id) else { return Vec::new() };
        let session = Box::new(session.clone());
        let answer = if self.waits {
            self.waiting.insert(id);
            Effect::Await(id)
        } else {
            Effect::Reply(Reply::Opened(opened(&session)))
        };
        // Once it is written down, the login goes on: who else is told can be so while it does.
        let first = [
            Effect::Watch(id),
            Effect::Record(id),
            answer,
            Effect::Announce(Event::SessionAdded(session.clone())),
            Effect::RunHooks(Box::new(Occasion::SessionAdded(session))),
        ];
        first.into_iter().chain(changes).collect()
    }

    /// Whoever waits for that may go on.
    fn hooks_done(&mut self, id: SessionId) -> Vec<Effect> {
        let waited = self.waiting.remove(&id);
        let entry = self.slots.get(id).filter(|_| waited);
        entry.map(|entry| Effect::Reply(Reply::Opened(opened(&entry.session)))).into_iter().collect()
    }

    /// Takes a session out of every table. One that is not there has ended before: nothing to do.
    fn end(&mut self, session: SessionRef) -> Vec<Effect> {
        let id = match session {
            SessionRef::Id(id) => Some(id),
            SessionRef::Token(token) => self.tokens.get(&token).copied(),
        };
        let Some(entry) = id.and_then(|id| self.slots.remove(id)) else { return Vec::new() };
        let Session { id, uid, leader_pid, state, .. } = entry.session;
        self.waiting.remove(&id);
        let changes = self.stand(&entry.session);
        self.tokens.remove(&entry.token);
        self.leaders.remove(&(leader_pid, id));
        let left = self.leave(uid, id);
        let mut effects = Vec::new();
        if state != State::Opening {
            effects.push(Effect::Forget(id));
            effects.push(Effect::Unwatch(id));
            let ended = Session { state: State::Closing, ..entry.session };
            effects.push(Effect::Ended(Box::new(ended.clone())));
            effects.push(Effect::Announce(Event::SessionRemoved { id, uid }));
            effects.push(Effect::RunHooks(Box::new(Occasion::SessionRemoved(Box::new(ended)))));
            effects.extend(changes);
        }
        // The record of the session goes first: a broker that dies in between finds a
        // directory of its own with no session, and retires it then.
        effects.extend(left.into_iter().flat_map(|user| self.gone(uid, user)));
        effects
    }

    /// What follows from the user's being gone.
    fn gone(&mut self, uid: Uid, user: User) -> Vec<Effect> {
        let dir = user.dir.filter(|dir| dir.ours).map(|dir| self.let_go(uid, dir));
        dir.into_iter().chain([Effect::Announce(Event::UserRemoved(uid))]).collect()
    }

    /// Asks the programs of a session's owner for something.
    fn tell(&self, id: SessionId, event: fn(SessionId, Uid) -> Event) -> Vec<Effect> {
        let Some(entry) = self.slots.get(id) else { return Vec::new() };
        vec![Effect::Announce(event(id, entry.session.uid)), Effect::Reply(Reply::Done(1))]
    }

    /// What becomes of the directory of a user who has left.
    fn let_go(&mut self, uid: Uid, dir: RuntimeDir) -> Effect {
        if !self.parks {
            return Effect::RetireRuntimeDir(uid);
        }
        self.parked.insert(uid, dir);
        Effect::ParkRuntimeDir(uid)
    }

    /// Takes one session of the user off; returns the user who is gone with it.
    fn leave(&mut self, uid: Uid, id: SessionId) -> Option<User> {
        let user = self.users.get_mut(&uid)?;
        user.sessions.remove(&id);
        if !user.sessions.is_empty() || self.lingerers.contains_key(&uid) {
            return None;
        }
        self.users.remove(&uid)
    }

    /// The sessions of a leader, by id.
    fn led_by(&self, leader: Pid) -> impl DoubleEndedIterator<Item = SessionId> {
        let all = (leader, SessionId::new(0))..=(leader, SessionId::new(u64::MAX));
        self.leaders.range(all).map(|(_, id)| *id)
    }
}

fn refused(code: RefusalCode, message: &str) -> Reply {
    Reply::Refused(Refusal { code, message: Text::clipped(message) })
}

/// What the PAM module is told of the session.
fn opened(session: &Session) -> Opened {
    Opened {
        id: session.id,
        class: session.class,
        kind: session.kind,
        seat: session.seat.clone(),
        vt: session.vt,
        runtime_dir: session.runtime_dir.clone(),
    }
}
