//! The runtime directories of users: made at the first login, retired at the last logout, torn down later.
//!
//! - `make`: provides the directory of a user who logs in;
//! - `retire`: retires directories, and retries where that fails;
//! - [`runtime_dir`]: the system calls of both;
//! - [`teardown`]: the processes that remove retired directories;
//! - `claims`: records on disk which directories the broker has made;
//! - `recover`: takes over the directories of an earlier broker;
//! - `problems`: reports problems for `ckctl status`.

mod claims;
mod make;
mod problems;
mod recover;
mod retire;
pub mod runtime_dir;
pub mod teardown;

pub use claims::{Claims, DirectoryKind};

use crate::{
    component::{Component, Outcome},
    config::Settings,
    limits::Limits,
    poller::{Poller, Token},
};
use ck_core::{model::Limit, registry::Input};
use ck_protocol::Uid;
use retire::Stuck;
use runtime_dir::RuntimeRoot;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};
use teardown::TeardownQueue;

/// The component that makes, retires and tears down runtime directories.
#[derive(Debug)]
pub(crate) struct Directories {
    poller: Poller,
    pub(crate) root: RuntimeRoot,
    pub(crate) teardowns: TeardownQueue,
    claims: Claims,
    /// The users whose directories are in use.
    in_use: HashSet<Uid>,
    /// The limit of teardowns that wait or run.
    limit: Limit,
    /// How long a directory is kept after its user has left.
    stop_delay: Duration,
    /// The users whose directories are kept, and until when.
    parked: HashMap<Uid, Instant>,
    /// The users whose directories could not be retired.
    stuck: HashMap<Uid, Stuck>,
    /// The users who are logged in without a runtime directory, and the reasons.
    lacking: BTreeMap<Uid, String>,
    /// The problems of the places that the broker works in.
    places: Vec<String>,
    /// Why the last runtime directory is a plain directory although a tmpfs was configured.
    fallback: Option<String>,
}

/// The values that the component is made of.
#[derive(Debug)]
pub(crate) struct Resources {
    pub(crate) root: RuntimeRoot,
    pub(crate) teardowns: TeardownQueue,
    pub(crate) claims: Claims,
    pub(crate) places: Vec<String>,
}

impl Directories {
    pub(crate) fn new(poller: Poller, parts: Resources) -> Self {
        let Resources { root, teardowns, claims, places } = parts;
        Self {
            poller,
            root,
            teardowns,
            claims,
            in_use: HashSet::new(),
            limit: Limit::NONE,
            stop_delay: Duration::ZERO,
            parked: HashMap::new(),
            stuck: HashMap::new(),
            lacking: BTreeMap::new(),
            places,
            fallback: None,
        }
    }

    /// The maximum number of teardowns that wait or run.
    pub(crate) fn most_teardowns(&self) -> usize {
        self.limit.all
    }

    /// Marks the directory of the user as in use, by a session of an earlier broker or by a lingering user.
    pub(crate) fn adopt(&mut self, uid: Uid) {
        self.in_use.insert(uid);
    }

    /// Keeps the directory of the user for `stop_delay`, because the user has left.
    pub(crate) fn park(&mut self, uid: Uid) {
        self.parked.insert(uid, Instant::now() + self.stop_delay);
    }

    /// Starts the processes that are due, but only one worker. The next worker is started in the next round of the
    /// loop.
    fn start_processes(&mut self, now: Instant) {
        let poller = &self.poller;
        self.teardowns.watch_hung(|started| poller.watch_once(started.process, Token::Worker(started.id)));
        self.teardowns.start_sweeps(now, |number, process| poller.watch_once(process, Token::Sweep(number)));
        if let Some(started) = self.teardowns.start_next(now) {
            poller.watch_once(started.process, Token::Worker(started.id));
        }
    }
}

impl Component for Directories {
    fn ready(&mut self, token: Token, now: Instant) -> Vec<Outcome> {
        match token {
            Token::Worker(id) => self.teardowns.reap(id, now),
            Token::Sweep(number) => self.teardowns.reap_sweep(number, now),
            Token::Unblocked => self.handle_unblocked(),
            _ => {}
        }
        Vec::new()
    }

    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if self.teardowns.has_news() {
            return Some(now);
        }
        let stuck = self.stuck.values().map(|stuck| stuck.due);
        self.parked.values().copied().chain(stuck).chain(self.teardowns.next_deadline()).min()
    }

    fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let over = self.parked.iter().filter(|(_, due)| **due <= now).map(|(&uid, _)| uid);
        for uid in over.collect::<Vec<_>>() {
            self.parked.remove(&uid);
            outcomes.push(Outcome::Input(Input::DelayOver(uid)));
        }
        self.retire_stuck(now);
        self.teardowns.expire_overdue(now);
        self.start_processes(now);
        let news = self.teardowns.take_news();
        if !news.is_empty() {
            self.tend_earlier_release();
        }
        outcomes.extend(news.into_iter().map(Outcome::Announce));
        outcomes
    }

    fn reconfigure(&mut self, settings: &Settings, limits: &Limits) {
        self.limit = limits.teardowns;
        self.stop_delay = settings.stop_delay;
        self.root.set_mount_options(settings.mount_options);
    }
}
