//! The world around the registry: what was done to it, and what is left of that.

use super::Step;
use ck_core::model::{AuditIds, HookEvent, Leader, Lingerer, Login, RuntimeDir, SessionRecord};
use ck_core::registry::{Effect, Input, Registry};
use ck_protocol::*;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

/// A runtime directory in the model's file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dir {
    Ours,
    Foreign,
}

/// A login, as its PAM module sees it.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    pub(crate) token: Token,
    uid: Uid,
    wants_dir: bool,
    pid: Pid,
    /// The login that it was started in.
    parent: Option<Pid>,
    tty: Option<&'static str>,
    /// The answer that it got.
    opened: Option<Opened>,
}

pub(crate) struct World {
    pub(crate) registry: Registry,
    // What is on disk, and survives a crash.
    records: BTreeMap<SessionId, SessionRecord>,
    pub(crate) claims: BTreeSet<Uid>,
    covered: u64,
    pub(crate) dirs: BTreeMap<Uid, Dir>,
    /// Who lingers.
    lingering: BTreeSet<Uid>,
    // The processes.
    pub(crate) modules: Vec<Module>,
    dead: HashSet<Pid>,
    /// Logins that are part of another session.
    inner: Vec<Token>,
    // Bookkeeping of the test.
    serial: u32,
    pub(crate) added: HashSet<SessionId>,
    pub(crate) removed: HashSet<SessionId>,
    /// Users who are here, by what was announced since the last start of the broker.
    pub(crate) here: HashSet<Uid>,
    /// How many directories were made.
    pub(crate) made: usize,
    pub(crate) told_added: HashSet<SessionId>,
    pub(crate) told_removed: HashSet<SessionId>,
    pub(crate) crash_at: Option<u8>,
    parks: bool,
    waits: bool,
    /// Whose delay is running.
    parked: BTreeSet<Uid>,
    foreground: Option<Vt>,
    /// What whoever listens knows: each session's state, and each seat's active session.
    states: BTreeMap<SessionId, State>,
    actives: BTreeMap<ShortName, SessionId>,
}

/// The terminals that logins are on, one after the other.
const TTYS: [Option<&str>; 5] = [None, Some("tty1"), Some("pts/0"), Some("ttyS1"), Some("tty2")];

impl World {
    pub(crate) fn new(parks: bool, waits: bool) -> Self {
        let mut world = Self {
            registry: Registry::restore(Vec::new(), |_| false, SessionId::FIRST),
            records: BTreeMap::new(),
            claims: BTreeSet::new(),
            covered: 1,
            dirs: BTreeMap::new(),
            lingering: BTreeSet::new(),
            modules: Vec::new(),
            dead: HashSet::new(),
            inner: Vec::new(),
            serial: 0,
            added: HashSet::new(),
            removed: HashSet::new(),
            here: HashSet::new(),
            made: 0,
            told_added: HashSet::new(),
            told_removed: HashSet::new(),
            crash_at: None,
            parks,
            waits,
            parked: BTreeSet::new(),
            foreground: None,
            states: BTreeMap::new(),
            actives: BTreeMap::new(),
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        if self.parks {
            self.registry.park(true);
        }
        if self.waits {
            self.registry.wait_for_hooks(true);
        }
        self.registry.seats(true, vec![(Text::clipped("seat1"), vec![Text::clipped("ttyS1")])]);
        self.registry.apply(Input::Foreground(self.foreground));
        // Whoever listens begins anew with what there is.
        let entries = self.registry.from(SessionId::FIRST);
        self.states = entries.map(|entry| (entry.session.id, entry.session.state)).collect();
        let seats = self.registry.shown_seats(|_| true);
        self.actives = seats.filter_map(|seat| Some((seat.id, seat.active?))).collect();
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Open { uid, wants_dir, foreign } => self.open(uid, wants_dir, foreign),
            Step::Foreground(vt) => {
                self.foreground = vt.map(|vt| Vt::try_from(vt).unwrap());
                self.apply(Input::Foreground(self.foreground), None);
            }
            Step::OpenInside { n, uid, wants_dir } => self.open_inside(n, uid, wants_dir),
            Step::CloseInside(n) => {
                let count = self.inner.len();
                if count > 0 {
                    let token = self.inner.swap_remove(usize::from(n) % count);
                    assert_eq!(
                        self.registry.apply(Input::End(SessionRef::Token(token), EndCause::Logout)),
                        []
                    );
                }
            }
            Step::Lock(n, lock) => {
                let Some(Opened { id, .. }) = self.pick(n).and_then(|module| module.opened) else { return };
                let session = &self.registry.get(id).unwrap().session;
                let (uid, user) = (session.uid, session.user.clone());
                let (input, event) = if lock {
                    (Input::Lock(id), Event::lock_requested(session))
                } else {
                    (Input::Unlock(id), Event::unlock_requested(session))
                };
                let told = [Effect::Announce(event), Effect::ReplyTold { uid, user }];
                assert_eq!(self.registry.apply(input), told);
            }
            Step::OpenAgain(n) => {
                if let Some(module) = self.pick(n) {
                    let before = module.opened.clone();
                    let login = self.login(&module);
                    let answer = self.apply(Input::Open(Box::new(login)), None);
                    if let (Some(before), Some(Reply::Opened(after))) = (before, answer) {
                        assert_eq!(before, after, "asking again means the same session");
                    }
                }
            }
            Step::Close(n, by_token) => {
                if let Some(module) = self.pick(n) {
                    let reference = match module.opened {
                        Some(opened) if !by_token => SessionRef::Id(opened.id),
                        _ => SessionRef::Token(module.token),
                    };
                    self.modules.retain(|other| other.token != module.token);
                    self.apply(Input::End(reference, EndCause::Logout), None);
                }
            }
            Step::Death(n) | Step::Terminate(n) => {
                if let Some(module) = self.pick(n) {
                    self.modules.retain(|other| other.token != module.token);
                    self.dead.insert(module.pid);
                    let reference = SessionRef::Token(module.token);
                    self.apply(Input::End(reference, EndCause::Logout), None);
                }
            }
            Step::EndUnknown(n) => {
                let id = SessionId::new(u64::from(n));
                if self.registry.get(id).is_none() {
                    assert_eq!(self.registry.apply(Input::End(SessionRef::Id(id), EndCause::Logout)), []);
                }
            }
            Step::DelayOver => {
                for uid in std::mem::take(&mut self.parked) {
                    self.apply(Input::DelayOver(uid), None);
                }
            }
            Step::Linger(uid, on) => self.linger(user(uid), on),
            Step::CrashAt(n) => self.crash_at = Some(n),
            Step::Restart => self.restart(),
        }
    }

    fn pick(&self, n: u8) -> Option<Module> {
        let count = self.modules.len();
        (count > 0).then(|| self.modules[usize::from(n) % count].clone())
    }

    fn open_inside(&mut self, n: u8, other: Option<u8>, wants_dir: bool) {
        let Some(outer) = self.pick(n) else { return };
        let uid = other.map_or(outer.uid, user);
        if uid != outer.uid {
            let token = self.open_as(uid, wants_dir, Some(outer.pid));
            let parent = outer.opened.map(|opened| opened.id).filter(|id| self.registry.get(*id).is_some());
            // A broker that has died meanwhile has opened none.
            let inner = self.modules.iter().find(|module| module.token == token);
            let inner = inner.and_then(|module| module.opened.as_ref());
            if let Some(entry) = inner.and_then(|opened| self.registry.get(opened.id)) {
                assert!(entry.session.parent == parent, "a session knows the one that it comes from");
            }
            return;
        }
        let module = self.module(uid, wants_dir, Some(outer.pid));
        let effects = self.registry.apply(Input::Open(Box::new(self.login(&module))));
        assert_eq!(effects, [Effect::Join(outer.opened.unwrap())], "no second session");
        self.inner.push(module.token);
    }

    fn open(&mut self, uid: u8, wants_dir: bool, foreign: bool) {
        let uid = user(uid);
        if foreign && uid != Uid::ROOT {
            // One that is ours already stays ours.
            self.dirs.entry(uid).or_insert(Dir::Foreign);
        }
        self.open_as(uid, wants_dir, None);
    }

    fn open_as(&mut self, uid: Uid, wants_dir: bool, parent: Option<Pid>) -> Token {
        let module = self.module(uid, wants_dir, parent);
        self.modules.push(module.clone());
        let login = self.login(&module);
        self.apply(Input::Open(Box::new(login)), Some(module.token));
        module.token
    }

    /// Another login, by a process of its own.
    fn module(&mut self, uid: Uid, wants_dir: bool, parent: Option<Pid>) -> Module {
        self.serial += 1;
        let mut random = [0; 16];
        random[..4].copy_from_slice(&self.serial.to_le_bytes());
        let pid = Pid::try_from(i32::try_from(self.serial).unwrap()).unwrap();
        let tty = TTYS[usize::try_from(self.serial).unwrap() % TTYS.len()];
        Module { token: Token::new(random), uid, wants_dir, pid, parent, tty, opened: None }
    }

    /// As the server has it: it is written down first, and root is refused.
    fn linger(&mut self, uid: Uid, on: bool) {
        if on && uid != Uid::ROOT {
            self.lingering.insert(uid);
            self.apply(Input::Linger { uid, lingerer: lingerer(), kept: None }, None);
        } else {
            self.lingering.remove(&uid);
            self.apply(Input::LingerNoMore(uid), None);
        }
    }

    fn login(&self, module: &Module) -> Login {
        let open = Open {
            token: module.token,
            uid: module.uid,
            gid: Gid::try_from(1).unwrap(),
            user: UserName::clipped("u"),
            service: Text::clipped(if module.parent.is_some() { "su" } else { "sshd" }),
            class: None,
            session_type: None,
            tty: module.tty.map(Text::clipped),
            remote_host: None,
            remote_user: None,
            display: None,
            runtime_dir: module.wants_dir,
        };
        let leader = Leader { pid: module.pid, started: 1, inode: None };
        let ancestors = module.parent.into_iter().collect();
        Login { open, leader, ancestors, is_pty: false, now: Timestamp::from_micros(0) }
    }

    /// Performs what follows from the input, unless the broker dies on the way. Returns the reply.
    pub(crate) fn apply(&mut self, input: Input, asker: Option<Token>) -> Option<Reply> {
        let mut crash_at = self.crash_at.take();
        let mut due = VecDeque::from(self.registry.apply(input));
        let mut reply = None;
        while let Some(effect) = due.pop_front() {
            match &mut crash_at {
                Some(0) => {
                    self.restart();
                    return None;
                }
                Some(n) => *n -= 1,
                None => {}
            }
            match effect {
                Effect::MakeRuntimeDir { uid, .. } => {
                    let dir = self.make(uid);
                    due.extend(self.registry.apply(Input::RuntimeDir { uid, dir }));
                }
                Effect::Reply(sent) => {
                    if let (Reply::Opened(opened), Some(token)) = (&sent, asker) {
                        let module = self.modules.iter_mut().find(|module| module.token == token).unwrap();
                        module.opened = Some(opened.clone());
                    }
                    reply = Some(sent);
                }
                Effect::Await(id) => {
                    assert!(self.waits, "nobody waits");
                    due.extend(self.registry.apply(Input::HooksDone(id)));
                }
                Effect::ReadAuditIds(session) => {
                    let ids = AuditIds { session: std::num::NonZeroU32::new(self.serial), login_uid: None };
                    for effect in self.registry.apply(Input::AuditIds(session, ids)).into_iter().rev() {
                        due.push_front(effect);
                    }
                }
                other => self.perform(other),
            }
        }
        reply
    }

    fn make(&mut self, uid: Uid) -> Option<RuntimeDir> {
        if self.claims.contains(&uid) {
            self.retire(uid);
        }
        let ours = !self.dirs.contains_key(&uid);
        if ours {
            self.made += 1;
            self.claims.insert(uid);
            self.dirs.insert(uid, Dir::Ours);
        }
        Some(RuntimeDir { path: Text::clipped("/run/user/x"), ours })
    }

    fn retire(&mut self, uid: Uid) {
        assert!(
            !self.registry.lingers(uid) || !self.registry.has_runtime_dir(uid),
            "who lingers lost a directory"
        );
        assert_eq!(self.dirs.remove(&uid), Some(Dir::Ours), "only what is ours is retired, and once");
        for module in self.modules.iter().filter(|module| module.uid == uid && module.wants_dir) {
            let told = module.opened.as_ref().is_some_and(|opened| self.registry.get(opened.id).is_some());
            assert!(!told, "a directory was removed under a live session");
        }
        self.claims.remove(&uid);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::RetireRuntimeDir(uid) => self.retire(uid),
            Effect::ParkRuntimeDir(uid) => drop(self.parked.insert(uid)),
            Effect::Record(id) => {
                let entry = self.registry.get(id).unwrap().clone();
                self.covered = self.covered.max(id.get() + 1);
                self.records.insert(id, entry);
            }
            Effect::Forget(id) => assert!(self.records.remove(&id).is_some(), "forgotten once"),
            Effect::Announce(Event::SessionAdded(session)) => {
                assert!(self.added.insert(session.id), "an id was used twice");
                self.states.insert(session.id, session.state);
            }
            Effect::Ended(session, _) => {
                assert!(self.removed.insert(session.id), "a session was removed twice");
                assert_eq!(session.state, State::Closing);
                self.states.remove(&session.id);
            }
            Effect::Announce(Event::UserAdded { uid, .. }) => {
                assert!(self.here.insert(uid), "a user came twice");
            }
            Effect::Announce(Event::UserRemoved { uid, .. }) => {
                assert!(self.here.remove(&uid), "a user left twice");
            }
            Effect::RunHooks(event) => {
                let (session, told) = match *event {
                    HookEvent::SessionAdded(session) => (session, &mut self.told_added),
                    HookEvent::SessionRemoved(session) => (session, &mut self.told_removed),
                    _ => unreachable!("there are no seats here"),
                };
                assert!(told.insert(session.id), "hooks were told twice");
            }
            Effect::Announce(Event::SessionChanged(session)) => {
                let before = self.states.insert(session.id, session.state);
                assert!(before.is_some_and(|before| before != session.state), "a change that is none");
            }
            Effect::Announce(Event::SeatChanged { seat, active, before }) => {
                let known = match active {
                    Some(id) => self.actives.insert(seat, id),
                    None => self.actives.remove(&seat),
                };
                assert!(known == before && active != before, "a change of what nobody knew");
            }
            _ => {}
        }
    }

    /// A new broker on what the old one left.
    fn restart(&mut self) {
        let entries: Vec<SessionRecord> = self.records.values().cloned().collect();
        let claims = self.claims.clone();
        self.registry =
            Registry::restore(entries.clone(), |uid| claims.contains(&uid), SessionId::new(self.covered));
        self.set_up();
        self.parked.clear();
        self.here = entries.iter().map(|entry| entry.session.uid).collect();
        for uid in self.lingering.clone() {
            let is_kept = claims.contains(&uid) && self.dirs.contains_key(&uid);
            let kept = is_kept.then_some(RuntimeDir { path: Text::clipped("/run/user/x"), ours: true });
            self.apply(Input::Linger { uid, lingerer: lingerer(), kept }, None);
        }
        // A module whose request died with the broker has no session; it logs in without.
        self.modules.retain(|module| module.opened.is_some());
        let alive: HashSet<Token> = self.modules.iter().map(|module| module.token).collect();
        for entry in entries {
            // Its leader has died, or its module has closed it or given up meanwhile.
            if !alive.contains(&entry.token) {
                self.apply(Input::End(SessionRef::Id(entry.session.id), EndCause::Logout), None);
            }
        }
        for uid in claims {
            if !self.registry.has_runtime_dir(uid) && self.claims.contains(&uid) {
                if self.dirs.contains_key(&uid) {
                    self.retire(uid);
                }
                self.claims.remove(&uid);
            }
        }
    }

    /// What holds between any two steps: DESIGN's invariant 3, seen from outside.
    pub(crate) fn check(&self) {
        let live: BTreeSet<SessionId> =
            self.registry.from(SessionId::FIRST).map(|entry| entry.session.id).collect();
        let told: BTreeSet<SessionId> =
            self.modules.iter().filter_map(|module| Some(module.opened.as_ref()?.id)).collect();
        assert_eq!(live, told, "the table is what the modules know");
        assert_eq!(live, self.records.keys().copied().collect(), "the table is what is on disk");
        assert_eq!(self.registry.sessions(), live.len());
        let mut users: BTreeSet<Uid> = self.modules.iter().map(|module| module.uid).collect();
        users.extend(&self.lingering);
        assert_eq!(users, self.here.iter().copied().collect(), "who is here is what was announced");
        assert!(self.lingering.iter().all(|uid| self.dirs.contains_key(uid)), "who lingers has a directory");
        assert_eq!(self.registry.users(), users.len());
        for (uid, dir) in &self.dirs {
            assert!(
                *dir == Dir::Foreign || users.contains(uid) || self.parked.contains(uid),
                "a directory was left behind"
            );
        }
        for module in &self.modules {
            let opened = module.opened.as_ref().unwrap();
            let wants = module.wants_dir && module.uid != Uid::ROOT;
            assert_eq!(opened.runtime_dir.is_some(), wants);
            assert!(!wants || self.dirs.contains_key(&module.uid), "a live session without its directory");
        }
        assert!(live.iter().all(|id| id.get() < self.covered));
        self.check_seats();
    }

    /// Whoever has listened knows what is so, and that is as the seats' rules have it.
    fn check_seats(&self) {
        let (mut states, mut actives) = (BTreeMap::new(), BTreeMap::new());
        let sessions = || self.registry.from(SessionId::FIRST).map(|entry| &entry.session);
        let last =
            sessions().filter(|session| session.tty.as_ref().is_some_and(|tty| tty.as_str() == "ttyS1"));
        let last = last.last().map(|session| session.id);
        for session in sessions() {
            let is_active = match session.tty.as_ref().map(Text::as_str) {
                Some("ttyS1") => Some(session.id) == last,
                Some("tty1" | "tty2") => session.vt == self.foreground,
                _ => true,
            };
            states.insert(session.id, if is_active { State::Active } else { State::Online });
            if let (Some(seat), true) = (session.seat.clone(), is_active) {
                // The first on a virtual terminal, and the last, which is the only one, elsewhere.
                actives.entry(seat).or_insert(session.id);
            }
        }
        assert_eq!(self.states, states);
        assert_eq!(self.actives, actives);
        let shown = self.registry.shown_seats(|_| true);
        let shown: BTreeMap<_, _> = shown.filter_map(|seat| Some((seat.id, seat.active?))).collect();
        assert_eq!(shown, actives);
    }
}

/// The last of the four is root.
fn user(number: u8) -> Uid {
    Uid::try_from(if number == 3 { 0 } else { 2001 + u32::from(number) }).unwrap()
}

fn lingerer() -> Lingerer {
    Lingerer { gid: Gid::try_from(1).unwrap(), name: UserName::clipped("u") }
}
