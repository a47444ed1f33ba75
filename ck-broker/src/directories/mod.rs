//! The runtime directories of users: made at the first login, taken out of their place at the last logout, torn down later.
//!
//! - `make`: a directory for a user who logs in;
//! - `retire`: out of its place, again and again where that fails;
//! - [`runtime_dir`]: the system calls of both;
//! - [`teardown`]: the processes that remove what was retired;
//! - `claims`: on disk, whose directories are ours;
//! - `recover`: what an earlier broker has left;
//! - `problems`: what it costs whom.

mod claims;
mod make;
mod problems;
mod recover;
mod retire;
pub mod runtime_dir;
pub mod teardown;

pub use claims::{Claims, Made};

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

/// The component.
#[derive(Debug)]
pub(crate) struct Directories {
    poller: Poller,
    pub(crate) root: RuntimeRoot,
    pub(crate) teardowns: TeardownQueue,
    claims: Claims,
    /// The users whose directory is in use.
    in_use: HashSet<Uid>,
    /// How many teardowns there may be.
    limit: Limit,
    /// How long the directory of a user who has left stays.
    stop_delay: Duration,
    /// Directories of users who have left, until the delay is over.
    parked: HashMap<Uid, Instant>,
    /// Directories of users who have left that could not be retired.
    stuck: HashMap<Uid, Stuck>,
    /// Users who are here without a runtime directory, and why.
    lacking: BTreeMap<Uid, String>,
    /// What is wrong with the places that the broker works in.
    places: Vec<String>,
    /// Why the last runtime directory was no tmpfs, though a tmpfs was wanted.
    fallback: Option<String>,
}

/// What the component works with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) root: RuntimeRoot,
    pub(crate) teardowns: TeardownQueue,
    pub(crate) claims: Claims,
    pub(crate) places: Vec<String>,
}

impl Directories {
    pub(crate) fn new(poller: Poller, parts: Parts) -> Self {
        let Parts { root, teardowns, claims, places } = parts;
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

    /// The directory of the uid is in use already: a session of an earlier broker's, or a lingering user, has it.
    pub(crate) fn adopt(&mut self, uid: Uid) {
        self.in_use.insert(uid);
    }

    /// Keeps the directory of the uid for a while, as its user has left.
    pub(crate) fn park(&mut self, uid: Uid) {
        self.parked.insert(uid, Instant::now() + self.stop_delay);
    }

    /// Starts the processes that are due. After one worker, others have their turn before the next.
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
            Token::Unblocked => self.make_up_for_blocked(),
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
        self.teardowns.tend_overdue(now);
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
