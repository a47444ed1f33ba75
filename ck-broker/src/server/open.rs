//! What the loop begins with.

use super::{
    Server, ServerError,
    admission::Spare,
    configure::Configured,
    disposal::Disposal,
    door::{Door, Listener},
    limits::Limits,
    problems::Lacking,
    rates::Rates,
    wakeup::Wakeup,
    watch,
};
use crate::{
    history::History,
    hooks::Hooks,
    jobs::Queue,
    runtime_dir::{RuntimeRoot, Unfinished},
    settings::{Settings, Source},
    store::{Left, LingerDir, Store},
};
use ck_core::{events::Subscriptions, policy::Policy, registry::Registry};
use ck_protocol::SessionId;
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollFlags},
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use std::{
    collections::{HashMap, HashSet},
    mem::take,
    os::fd::OwnedFd,
    path::Path,
    time::SystemTime,
};

/// What a broker works with, and how.
#[derive(Debug)]
pub struct Parts {
    /// Where runtime directories are.
    pub root: RuntimeRoot,
    /// What an earlier broker has left in it.
    pub unfinished: Unfinished,
    /// Who tears them down.
    pub jobs: Queue,
    /// What is wrong with the places that the broker works in.
    pub places: Vec<String>,
    /// Where it is written who lingers.
    pub linger: LingerDir,
    /// How many descriptors can be open.
    pub descriptors: usize,
    /// Sockets that the service manager has opened.
    pub passed: Vec<OwnedFd>,
    /// Where settings are read again.
    pub source: Source,
    /// What [`receive_signals`] has returned.
    pub signals: SignalFd,
}

/// From now on, SIGTERM, SIGINT and SIGHUP wait until the loop takes them: one that came before would end the process.
///
/// # Errors
/// [`ServerError::Signals`]
pub fn receive_signals() -> Result<SignalFd, ServerError> {
    let mask: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    mask.thread_block().map_err(ServerError::Signals)?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    SignalFd::with_flags(&mask, flags).map_err(ServerError::Signals)
}

impl Server {
    /// Opens the sockets in `state_dir` and takes over what an earlier broker left.
    ///
    /// # Errors
    /// [`ServerError`]
    pub fn open(
        state_dir: &Path,
        (store, mut left): (Store, Left),
        parts: Parts,
        settings: Settings,
    ) -> Result<Self, ServerError> {
        let Parts { root, unfinished, jobs, places, linger, descriptors, mut passed, source, signals } =
            parts;
        let epoll = || Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(ServerError::Wait);
        let ours: HashSet<_> = left.users.iter().copied().collect();
        let next = left.next_id.unwrap_or(SessionId::FIRST);
        let mut open = |door| Listener::take_or_open(door, state_dir, &mut passed).map_err(ServerError::Door);
        let (sessions, admin) = (open(Door::Session)?, open(Door::Admin)?);
        if !passed.is_empty() {
            log::warn!(
                "the service manager has passed {} descriptors that are no sockets of ours",
                passed.len()
            );
        }
        let mut server = Self {
            registry: Registry::restore(take(&mut left.sessions), |uid| ours.contains(&uid), next),
            accept_again: None,
            admin_closed: false,
            disposal: Disposal::new(!admin.refuses_descriptors),
            sessions,
            admin,
            spare: Spare::take(),
            policy: Policy::default(),
            descriptors,
            limits: Limits::within(descriptors, settings.hooks.parallel),
            rates: Rates::default(),
            connections: HashMap::new(),
            next_connection: 0,
            subscriptions: Subscriptions::default(),
            leaders: HashMap::new(),
            ending: HashMap::new(),
            unwatched: Vec::new(),
            watch_due: None,
            console: None,
            switcher: None,
            switch: None,
            started_at: SystemTime::now().into(),
            configured: Configured::new(source, settings.seats.clone()),
            epoll: epoll()?,
            admin_epoll: epoll()?,
            leader_epoll: epoll()?,
            signals,
            store,
            root,
            jobs,
            hooks: Hooks::new(settings.hooks.clone()),
            given_up: Vec::new(),
            stop_delay: settings.stop_delay,
            parked: HashMap::new(),
            stuck: HashMap::new(),
            lacking: Lacking::default(),
            places,
            fallback: None,
            linger,
            history: History::new(settings.history.clone()),
        };
        server.configure(settings);
        server.hooks.look();
        server.listen().map_err(ServerError::Wait)?;
        server.history.broker_started();
        server.take_over(&left, unfinished);
        Ok(server)
    }

    /// Has both doors and the signals watched.
    pub(super) fn listen(&self) -> nix::Result<()> {
        watch(&self.epoll, &self.signals, Wakeup::Signal, EpollFlags::EPOLLIN)?;
        watch(&self.epoll, &self.sessions, Wakeup::Accept(Door::Session), EpollFlags::EPOLLIN)?;
        watch(&self.admin_epoll, &self.admin, Wakeup::Accept(Door::Admin), EpollFlags::EPOLLIN)?;
        watch(&self.epoll, &self.leader_epoll.0, Wakeup::Leaders, EpollFlags::EPOLLIN)?;
        watch(&self.epoll, &self.admin_epoll.0, Wakeup::Admin, EpollFlags::EPOLLIN)
    }
}
