//! The registry, driven at random over every interleaving of open, close, death of a leader,
//! administrator and restart, also by a broker that dies between any two effects. The world
//! around it is a model: the effects that were performed, and what they left on disk.

use ck_broker::registry::{Effect, Entry, Input, Leader, Login, Registry, RuntimeDir};
use ck_protocol::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

/// What may happen next. Numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    /// A login of user `uid`, who may find a directory that somebody else made.
    Open { uid: u8, wants_dir: bool, foreign: bool },
    /// The module of an open session asks for it again: it never saw the answer.
    OpenAgain(u8),
    /// A module closes its session, by id or by token.
    Close(u8, bool),
    /// A leader dies.
    Death(u8),
    /// An administrator ends a session.
    Terminate(u8),
    /// Somebody ends a session that has ended, or never was.
    EndUnknown(u8),
    /// The broker dies before the `n`th effect of the next step, and starts again.
    CrashAt(u8),
    /// The broker stops in good order, and starts again.
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..4u8, any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(uid, wants_dir, foreign)| Step::Open { uid, wants_dir, foreign }),
        1 => any::<u8>().prop_map(Step::OpenAgain),
        3 => (any::<u8>(), any::<bool>()).prop_map(|(n, by_token)| Step::Close(n, by_token)),
        2 => any::<u8>().prop_map(Step::Death),
        1 => any::<u8>().prop_map(Step::Terminate),
        1 => any::<u8>().prop_map(Step::EndUnknown),
        1 => (0..10u8).prop_map(Step::CrashAt),
        1 => Just(Step::Restart),
    ]
}

/// A runtime directory in the model's file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dir {
    Ours,
    Foreign,
}

/// A login, as its PAM module sees it.
#[derive(Clone, Debug)]
struct Module {
    token: Token,
    uid: Uid,
    wants_dir: bool,
    pid: Pid,
    /// The answer that it got.
    opened: Option<Opened>,
}

struct World {
    registry: Registry,
    // What is on disk, and survives a crash.
    records: BTreeMap<SessionId, Entry>,
    claims: BTreeSet<Uid>,
    covered: u64,
    dirs: BTreeMap<Uid, Dir>,
    // The processes.
    modules: Vec<Module>,
    dead: HashSet<Pid>,
    // Bookkeeping of the test.
    serial: u32,
    added: HashSet<SessionId>,
    removed: HashSet<SessionId>,
    crash_at: Option<u8>,
}

impl World {
    fn new() -> Self {
        Self {
            registry: Registry::restore(Vec::new(), |_| false, SessionId::FIRST),
            records: BTreeMap::new(),
            claims: BTreeSet::new(),
            covered: 1,
            dirs: BTreeMap::new(),
            modules: Vec::new(),
            dead: HashSet::new(),
            serial: 0,
            added: HashSet::new(),
            removed: HashSet::new(),
            crash_at: None,
        }
    }

    fn take(&mut self, step: &Step) {
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
        // The last of the four is root.
        let uid = Uid::try_from(if uid == 3 { 0 } else { 2001 + u32::from(uid) }).unwrap();
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
        let leader = Leader { pid: module.pid, started: 1 };
        Login { open, leader, ancestors: Vec::new(), now: Timestamp::from_micros(0) }
    }

    /// Performs what follows from the input, unless the broker dies on the way. Returns the reply.
    fn apply(&mut self, input: Input, asker: Option<Token>) -> Option<Reply> {
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
            self.claims.insert(uid);
            self.dirs.insert(uid, Dir::Ours);
        }
        Some(RuntimeDir { path: Text::clipped("/run/user/x"), ours })
    }

    fn retire(&mut self, uid: Uid) {
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
    fn check(&self) {
        let live: BTreeSet<SessionId> =
            self.registry.from(SessionId::FIRST).map(|entry| entry.session.id).collect();
        let told: BTreeSet<SessionId> =
            self.modules.iter().filter_map(|module| Some(module.opened.as_ref()?.id)).collect();
        assert_eq!(live, told, "the table is what the modules know");
        assert_eq!(live, self.records.keys().copied().collect(), "the table is what is on disk");
        assert_eq!(self.registry.sessions(), live.len());
        let users: BTreeSet<Uid> = self.modules.iter().map(|module| module.uid).collect();
        assert_eq!(self.registry.users(), users.len());
        for (uid, dir) in &self.dirs {
            assert!(*dir == Dir::Foreign || users.contains(uid), "a directory was left behind");
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order_nothing_is_lost_doubled_or_left(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
            world.check();
        }
        // Everybody leaves.
        world.crash_at = None;
        while !world.modules.is_empty() {
            world.take(&Step::Death(0));
            world.check();
        }
        prop_assert_eq!(world.registry.sessions(), 0);
        prop_assert!(world.claims.is_empty() && world.dirs.values().all(|dir| *dir == Dir::Foreign));
        // A crash may swallow an announcement, but nothing else does.
        if !steps.iter().any(|step| matches!(step, Step::CrashAt(_))) {
            prop_assert_eq!(world.added, world.removed);
        }
    }
}

/// The failure that this project was born from: removing a session while sessions are removed.
#[test]
fn a_thousand_deaths_remove_each_session_once() {
    let mut world = World::new();
    for _ in 0..1000 {
        world.take(&Step::Open { uid: 0, wants_dir: true, foreign: false });
    }
    let tokens: Vec<Token> = world.modules.iter().map(|module| module.token).collect();
    for token in tokens {
        // Each death is told twice: by the pidfd, and by a close that was already under way.
        for _ in 0..2 {
            world.modules.retain(|module| module.token != token);
            world.apply(Input::End(SessionRef::Token(token)), None);
        }
    }
    world.check();
    assert_eq!((world.added.len(), world.removed.len(), world.dirs.len()), (1000, 1000, 0));
}

/// Found by the test above: the session that a directory was made for ends while another
/// session of its user, which wanted none, lives on, and then the broker restarts.
#[test]
fn a_restart_forgets_no_directory_that_only_an_ended_session_used() {
    let mut world = World::new();
    world.take(&Step::Open { uid: 0, wants_dir: false, foreign: false });
    world.take(&Step::Open { uid: 0, wants_dir: true, foreign: false });
    world.take(&Step::Close(1, false));
    for step in [Step::Restart, Step::Close(0, false)] {
        world.take(&step);
        world.check();
    }
}
