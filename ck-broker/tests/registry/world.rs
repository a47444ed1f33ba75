//! The world around the registry: what was done to it, and what is left of that.

use super::Step;
use ck_broker::hooks::Occasion;
use ck_broker::registry::{Effect, Entry, Input, Leader, Lingerer, Login, Registry, RuntimeDir};
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
    /// The answer that it got.
    opened: Option<Opened>,
}

pub(crate) struct World {
    pub(crate) registry: Registry,
    // What is on disk, and survives a crash.
    records: BTreeMap<SessionId, Entry>,
    pub(crate) claims: BTreeSet<Uid>,
    covered: u64,
    pub(crate) dirs: BTreeMap<Uid, Dir>,
    /// Who lingers.
    lingering: BTreeSet<Uid>,
    // The processes.
    pub(crate) modules: Vec<Module>,
    dead: HashSet<Pid>,
    // Bookkeeping of the test.
    serial: u32,
    pub(crate) added: HashSet<SessionId>,
    pub(crate) removed: HashSet<SessionId>,
    /// What the history says has ended.
    written: HashSet<SessionId>,
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
}

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
            serial: 0,
            added: HashSet::new(),
            removed: HashSet::new(),
            written: HashSet::new(),
            here: HashSet::new(),
            made: 0,
            told_added: HashSet::new(),
            told_removed: HashSet::new(),
            crash_at: None,
            parks,
            waits,
            parked: BTreeSet::new(),
        };
        world.set_up();
        world
    }

    fn set_up(&mut self) {
        if self.parks {
            self.registry.park();
        }
        if self.waits {
            self.registry.wait_for_hooks();
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match *step {
            Step::Open { uid, wants_dir, foreign } => self.open(uid, wants_dir, foreign),
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
                    self.apply(Input::End(reference), None);
                }
            }
            Step::Death(n) | Step::Terminate(n) => {
                if let Some(module) = self.pick(n) {
                    self.modules.retain(|other| other.token != module.token);
                    self.dead.insert(module.pid);
                    let reference = SessionRef::Token(module.token);
                    self.apply(Input::End(reference), None);
                }
            }
            Step::EndUnknown(n) => {
                let id = SessionId::new(u64::from(n));
                if self.registry.get(id).is_none() {
                    assert_eq!(self.registry.apply(Input::End(SessionRef::Id(id))), []);
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

    fn open(&mut self, uid: u8, wants_dir: bool, foreign: bool) {
        self.serial += 1;
        let uid = user(uid);
        if foreign && uid != Uid::ROOT {
            // One that is ours already stays ours.
            self.dirs.entry(uid).or_insert(Dir::Foreign);
        }
        let mut random = [0; 16];
        random[..4].copy_from_slice(&self.serial.to_le_bytes());
        let pid = Pid::try_from(i32::try_from(self.serial).unwrap()).unwrap();
        let module = Module { token: Token::new(random), uid, wants_dir, pid, opened: None };
        self.modules.push(module.clone());
        let login = self.login(&module);
        self.apply(Input::Open(Box::new(login)), Some(module.token));
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
            user: Text::clipped("u"),
            service: Text::clipped("sshd"),
            class: None,
            kind: None,
            tty: None,
            remote_host: None,
            remote_user: None,
            display: None,
            runtime_dir: module.wants_dir,
        };
        let leader = Leader { pid: module.pid, started: 1, inode: None };
        Login { open, leader, ancestors: Vec::new(), now: Timestamp::from_micros(0) }
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
            }
            Effect::Announce(Event::SessionRemoved { id, .. }) => {
                assert!(self.removed.insert(id), "a session was removed twice");
                assert!(self.written.contains(&id), "its end is not in the history");
            }
            Effect::Ended(session) => {
                assert!(self.written.insert(session.id), "an end was written twice");
            }
            Effect::Announce(Event::UserAdded(uid)) => {
                assert!(self.here.insert(uid), "a user came twice");
            }
            Effect::Announce(Event::UserRemoved(uid)) => {
                assert!(self.here.remove(&uid), "a user left twice");
            }
            Effect::RunHooks(occasion) => {
                let (session, told) = match *occasion {
                    Occasion::SessionAdded(session) => (session, &mut self.told_added),
                    Occasion::SessionRemoved(session) => (session, &mut self.told_removed),
                    _ => unreachable!("there are no seats here"),
                };
                assert!(told.insert(session.id), "hooks were told twice");
            }
            _ => {}
        }
    }

    /// A new broker on what the old one left.
    fn restart(&mut self) {
        let entries: Vec<Entry> = self.records.values().cloned().collect();
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
                self.apply(Input::End(SessionRef::Id(entry.session.id)), None);
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
    }
}

/// The last of the four is root.
fn user(number: u8) -> Uid {
    Uid::try_from(if number == 3 { 0 } else { 2001 + u32::from(number) }).unwrap()
}

fn lingerer() -> Lingerer {
    Lingerer { gid: Gid::try_from(1).unwrap(), name: Text::clipped("u") }
}
