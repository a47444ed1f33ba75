//! The terminals of sessions whose PAM items do not name them: sshd(8) gets one only after the login, if at all.
//!
//! The kernel says when a pseudo-terminal is made, gets its owner or goes: inotify(7) on `/dev/pts`. Then the processes of the
//! sessions of that owner are looked at, a few times, as the program that uses the terminal comes somewhat later than it. While
//! no terminal comes or goes, nothing is done. A session that begins is looked at once: its terminal can be older than this process.
//!
//! A user can make terminals without end, and as many processes. So there is a pause after each look, and a look is at a few
//! sessions and a few processes of each. Whoever exceeds that has sessions without terminals here.

use super::packet::Leader;
use crate::process::Proc;
use ck_core::processes::{Device, Tree};
use ck_protocol::{Pid, SessionId, Uid};
use rustix::{
    fs::{
        AtFlags, CWD, FileType,
        inotify::{self, CreateFlags, ReadFlags, WatchFlags},
        statat,
    },
    io::Errno,
    time::{ClockId, clock_gettime},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

/// The directory of pseudo-terminals.
const PTS: &str = "/dev/pts";
/// When the processes of a user are looked at, after a terminal has come: then, and so long after the time before.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const DELAYS: [Duration; 3] = [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(4)];
/// The time between two looks, and between a look and the next news.
const PAUSE: Duration = Duration::from_millis(50);
/// At least so many times as long as a look keeps the processor busy.
const REST: u32 = 10;
/// How many news is taken in one go: a fourth of what the kernel keeps (`max_queued_events` of inotify(7)).
const EVENTS: usize = 4096;
/// How many sessions are looked at in one go, and how many of one user.
const SESSIONS: usize = 64;
const SESSIONS_OF_USER: usize = 16;
/// How many processes of one session are looked at: those of an ssh login with a terminal are three.
const PROCESSES: usize = 64;

/// A session.
#[derive(Debug)]
struct Known {
    leader: Leader,
    /// The name below `/dev` of the terminal that was found.
    found: Option<String>,
}

/// What is known of terminals.
#[derive(Debug)]
pub(super) struct Terminals {
    proc: Proc,
    /// All sessions: where another one begins, its terminal is none of the session above.
    sessions: HashMap<SessionId, Known>,
    /// Those whose terminals are sought.
    sought: BTreeMap<Uid, BTreeSet<SessionId>>,
    /// News of terminals. It is not closed, as that waits for the kernel: some 10 ms.
    news: Option<OwnedFd>,
    /// The watch that news comes from, while a terminal is sought.
    watch: Option<i32>,
    /// The users whose processes will be looked at, when, and for which time.
    due: BTreeMap<Uid, (Instant, usize)>,
    /// The sessions that are looked at next.
    queue: VecDeque<SessionId>,
    /// Before then nothing is looked at, and no news is taken.
    rests_until: Option<Instant>,
}

impl Terminals {
    pub(super) fn new(proc: Proc) -> Self {
        Self {
            proc,
            sessions: HashMap::new(),
            sought: BTreeMap::new(),
            news: None,
            watch: None,
            due: BTreeMap::new(),
            queue: VecDeque::new(),
            rests_until: None,
        }
    }

    /// Nothing is known any more.
    pub(super) fn clear(&mut self) {
        (self.sessions, self.sought) = (HashMap::new(), BTreeMap::new());
        (self.due, self.queue) = (BTreeMap::new(), VecDeque::new());
        self.unwatch();
    }

    /// The file of this session is written. Returns its terminal, if that was found already.
    pub(super) fn add(&mut self, leader: Leader) -> Option<&str> {
        let Leader { session, uid, seeks_terminal, .. } = leader;
        if seeks_terminal && self.sought.entry(uid).or_default().insert(session) {
            self.queue.push_back(session);
        }
        let known = self.sessions.entry(session).or_insert(Known { leader, found: None });
        known.found.as_deref()
    }

    /// The session has ended.
    pub(super) fn remove(&mut self, session: SessionId) {
        let Some(Known { leader, .. }) = self.sessions.remove(&session) else { return };
        if let Some(sessions) = self.sought.get_mut(&leader.uid) {
            sessions.remove(&session);
            if sessions.is_empty() {
                self.sought.remove(&leader.uid);
            }
        }
        if self.sought.is_empty() {
            self.unwatch();
        }
    }

    /// Asks for news of pseudo-terminals that are made, get an owner, or go.
    fn watch(&mut self) -> Result<i32, Errno> {
        let news = match self.news.take() {
            Some(news) => news,
            None => inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
        };
        let news = self.news.insert(news);
        let what = WatchFlags::CREATE | WatchFlags::ATTRIB | WatchFlags::DELETE | WatchFlags::ONLYDIR;
        inotify::add_watch(news, PTS, what)
    }

    fn unwatch(&mut self) {
        if let (Some(news), Some(watch)) = (&self.news, self.watch.take()) {
            // It can only fail if the directory has gone, and the watch with it.
            let _ = inotify::remove_watch(news, watch);
        }
    }

    /// What to wait for, unless it is time to rest.
    pub(super) fn source(&self, now: Instant) -> Option<BorrowedFd<'_>> {
        self.news.as_ref().map(AsFd::as_fd).filter(|_| self.rests_until.is_none_or(|until| until <= now))
    }

    /// When [`Terminals::look`] is to be called, if there is no news before.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let queued = (!self.queue.is_empty()).then_some(now);
        let next = queued.or_else(|| self.due.values().map(|(due, _)| *due).min());
        match self.rests_until {
            Some(until) => Some(next.map_or(until, |next| next.max(until))),
            None => next,
        }
    }

    /// Takes the news that there is, and looks at what is due. Returns the sessions whose terminals have changed, and what these
    /// are now.
    pub(super) fn look(&mut self, now: Instant) -> Vec<(SessionId, Option<String>)> {
        if self.rests_until.is_some_and(|until| now < until) {
            return Vec::new();
        }
        let begun = processor_time();
        if self.watch.is_none() && !self.sought.is_empty() {
            // What has come before is in no news.
            self.due.extend(self.sought.keys().map(|uid| (*uid, (now + FIRST_DELAY, 0))));
            self.watch = self.watch().inspect_err(|errno| log::warn!("no news of {PTS}: {errno}")).ok();
        }
        let mut changed = Vec::new();
        let has_news = self.take_news(now, &mut changed);
        self.queue_due(now);
        let is_busy = has_news || !self.queue.is_empty();
        self.look_at_queue(&mut changed);
        let rest = PAUSE.max(processor_time().saturating_sub(begun) * REST);
        self.rests_until = is_busy.then(|| Instant::now() + rest);
        changed
    }

    fn look_at_queue(&mut self, changed: &mut Vec<(SessionId, Option<String>)>) {
        if self.queue.is_empty() {
            return;
        }
        let leaders = self.sessions.values().map(|known| known.leader.pid).collect();
        for _ in 0..SESSIONS {
            let Some(session) = self.queue.pop_front() else { break };
            let Some(known) = self.sessions.get_mut(&session) else { continue };
            if known.found.is_none() {
                known.found = terminal(&self.proc, known.leader, &leaders);
                changed.extend(known.found.clone().map(|found| (session, Some(found))));
            }
        }
    }

    /// Takes news, if there is some. Adds the sessions that have lost their terminals.
    fn take_news(&mut self, now: Instant, changed: &mut Vec<(SessionId, Option<String>)>) -> bool {
        let Some(news) = &self.news else { return false };
        let News { come, gone, is_lost } = News::read(news);
        let owners = come.iter().filter_map(|name| owner(name));
        let users: Vec<Uid> = if is_lost { self.sought.keys().copied().collect() } else { owners.collect() };
        for (session, known) in &mut self.sessions {
            let name = known.found.as_deref().and_then(|found| found.strip_prefix("pts/"));
            let is_gone =
                |name: &str| gone.contains(name) || is_lost && owner(name) != Some(known.leader.uid);
            if name.is_some_and(is_gone) {
                known.found = None;
                changed.push((*session, None));
            }
        }
        let losers = changed.iter().filter_map(|(session, _)| Some(self.sessions.get(session)?.leader.uid));
        for uid in users.into_iter().chain(losers) {
            if self.sought.contains_key(&uid) {
                // A look that is due later was for an earlier terminal.
                let due = self.due.entry(uid).or_insert((now + FIRST_DELAY, 0));
                *due = (due.0.min(now + FIRST_DELAY), 0);
            }
        }
        is_lost || !come.is_empty() || !gone.is_empty()
    }

    /// Queues the sessions of the users who are due, if all others have had their turn.
    fn queue_due(&mut self, now: Instant) {
        if !self.queue.is_empty() {
            return;
        }
        let due: Vec<Uid> =
            self.due.iter().filter(|(_, (due, _))| *due <= now).map(|(uid, _)| *uid).collect();
        for uid in due {
            let Some((_, time)) = self.due.remove(&uid) else { continue };
            let sessions = self.sought.get(&uid).into_iter().flatten();
            let unknown = |id: &&SessionId| self.sessions.get(id).is_some_and(|known| known.found.is_none());
            // The latest are the most likely ones.
            let unknown: Vec<SessionId> =
                sessions.rev().filter(unknown).take(SESSIONS_OF_USER).copied().collect();
            if let (Some(delay), false) = (DELAYS.get(time), unknown.is_empty()) {
                self.due.insert(uid, (now + *delay, time + 1));
            }
            self.queue.extend(unknown);
        }
    }
}

/// What has happened in the directory of pseudo-terminals.
#[derive(Default)]
struct News {
    /// The names of those that are new, or belong to somebody else.
    come: HashSet<String>,
    gone: HashSet<String>,
    /// There was too much news.
    is_lost: bool,
}

impl News {
    /// Some of it. More is taken after the next pause.
    fn read(news: &OwnedFd) -> Self {
        let mut read = Self::default();
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(news, &mut buffer);
        for _ in 0..EVENTS {
            let Ok(event) = events.next() else { break };
            read.is_lost |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let is_gone = event.events().contains(ReadFlags::DELETE);
            let names = if is_gone { &mut read.gone } else { &mut read.come };
            names.extend(event.file_name().and_then(|name| name.to_str().ok()).map(str::to_owned));
        }
        read
    }
}

/// The name below `/dev` of the terminal of the processes that descend from `leader`, if they have one. `leaders` are those of all
/// sessions.
fn terminal(proc: &Proc, leader: Leader, leaders: &HashSet<Pid>) -> Option<String> {
    let (mut found, mut next) = (Vec::new(), VecDeque::from([leader.pid]));
    while let Some(pid) = next.pop_front() {
        found.extend(proc.read_stat(pid).ok().flatten());
        let room = PROCESSES.saturating_sub(found.len() + next.len());
        if room > 0 {
            next.extend(proc.children(pid).into_iter().take(room));
        }
    }
    let among: Vec<Pid> = found.iter().map(|stat| stat.pid).filter(|pid| leaders.contains(pid)).collect();
    let tree = Tree::new(found, among);
    tree.terminals(leader.pid).into_iter().find_map(|stat| name_of(stat.terminal?, leader.uid))
}

/// The processor time that this process has taken.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// The owner of a pseudo-terminal.
fn owner(name: &str) -> Option<Uid> {
    let stat = statat(CWD, format!("{PTS}/{name}"), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    Uid::try_from(stat.st_uid).ok()
}

/// The name of a pseudo-terminal, if it is the one of that name here and belongs to the user. In another instance of devpts, as
/// containers have and every user can make, the same number is another terminal.
fn name_of(device: Device, uid: Uid) -> Option<String> {
    let name = device.name().filter(|name| name.starts_with("pts/"))?;
    let stat = statat(CWD, format!("/dev/{name}"), AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let is_same =
        (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == (device.major, device.minor);
    let is_own = stat.st_uid == uid.get();
    (is_same && is_own && FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice).then_some(name)
}
