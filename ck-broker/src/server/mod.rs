//! The loop: one thread that waits in one place, for everything at once, and nowhere else.
//!
//! What arrives goes one way: frame, request, [`Registry::apply`], effects. Nothing that is done
//! on the way can come back into the loop, and nothing waits for a peer, a child, or a file
//! system that a user controls. What `admin.sock` brings and the deaths of leaders have an epoll each, of
//! which the loop takes a little at a time: however much it is, logins have their turn.

mod admin;
mod admission;
mod answer;
mod configure;
mod connection;
mod descriptors;
mod disposal;
mod door;
mod effects;
mod hooks;
mod limits;
mod linger;
mod open;
mod outbox;
mod places;
mod problems;
mod rates;
mod restore;
mod retirement;
mod room;
mod seats;
mod subscribers;
mod terminate;
mod wakeup;

pub use disposal::OPTION as CLOSE_DESCRIPTORS;
pub use door::DoorError;
pub use open::{Parts, receive_signals};

use crate::{
    console::Console,
    history::History,
    hooks::Hooks,
    jobs::Queue,
    runtime_dir::RuntimeRoot,
    store::{LingerDir, Store},
};
use admission::Spare;
use ck_core::{
    events::Subscriptions,
    policy::Policy,
    registry::{Input, Registry},
};
use ck_protocol::{SessionId, SessionRef, Timestamp, Uid};
use configure::Configured;
use connection::Connection;
use disposal::Disposal;
use door::{Door, Listener};
use limits::Limits;
use nix::sys::{
    epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout},
    signal::Signal,
    signalfd::SignalFd,
};
use problems::Lacking;
use rates::Rates;
use retirement::Stuck;
use seats::Switch;
pub use seats::Switcher;
use std::{
    collections::HashMap,
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};
use wakeup::Wakeup;

/// As signalfd(2) has it.
const SIGHUP: u32 = Signal::SIGHUP as u32;
/// How many events are fetched at once.
const AT_ONCE: usize = 64;
/// How many logins are let in before others have their turn.
const LOGINS_AT_ONCE: usize = 16;
/// How much of `admin.sock` is handled before logins have their turn again.
const ADMIN_AT_ONCE: usize = 4;
/// The same of deaths of leaders. Each may take a directory out of its place, which is as much work as a login.
const LEADERS_AT_ONCE: usize = 1;

/// Why the loop cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A socket could not be opened.
    #[error(transparent)]
    Door(DoorError),
    /// Signals could not be received.
    #[error("cannot receive signals: {0}")]
    Signals(nix::errno::Errno),
    /// epoll failed.
    #[error("cannot wait for events: {0}")]
    Wait(nix::errno::Errno),
}

/// The broker at work.
#[derive(Debug)]
pub struct Server {
    epoll: Epoll,
    /// What is waited for of `admin.sock`; itself one of the sources of the other.
    admin_epoll: Epoll,
    /// The same of leaders.
    leader_epoll: Epoll,
    signals: SignalFd,
    configured: Configured,
    sessions: Listener,
    admin: Listener,
    /// Set while accepting would only fail.
    accept_again: Option<Instant>,
    /// Set while nobody is let in at `admin.sock`, because much waits for the disposal.
    admin_closed: bool,
    disposal: Disposal,
    spare: Spare,
    policy: Policy,
    /// How many descriptors can be open.
    descriptors: usize,
    limits: Limits,
    rates: Rates,
    connections: HashMap<u64, Connection>,
    next_connection: u64,
    subscriptions: Subscriptions,
    leaders: HashMap<SessionId, OwnedFd>,
    /// Sessions whose leader was told to end, and when it is killed.
    ending: HashMap<SessionId, Instant>,
    /// Sessions of an earlier broker whose leader could not be watched yet, and when it can be tried again.
    unwatched: Vec<SessionId>,
    watch_due: Option<Instant>,
    console: Option<Console>,
    switcher: Option<Switcher>,
    switch: Option<Switch>,
    registry: Registry,
    store: Store,
    root: RuntimeRoot,
    jobs: Queue,
    hooks: Hooks,
    /// Sessions whose module has not waited until hooks had been told of them.
    given_up: Vec<SessionId>,
    /// How long the directory of a user who has left stays.
    stop_delay: Duration,
    /// When it goes, for those whose it is.
    parked: HashMap<Uid, Instant>,
    /// Directories of users who have left that could not be retired.
    stuck: HashMap<Uid, Stuck>,
    lacking: Lacking,
    /// What is wrong with the places that the broker works in.
    places: Vec<String>,
    /// Why the last runtime directory was no tmpfs, though it should have been.
    fallback: Option<String>,
    linger: LingerDir,
    history: History,
    started_at: Timestamp,
}

impl Server {
    /// Serves until SIGTERM or SIGINT; SIGHUP has the configuration read again. Sessions and their directories stay: a
    /// stop is no logout.
    ///
    /// # Errors
    /// [`ServerError::Wait`]
    pub fn serve(mut self) -> Result<(), ServerError> {
        let mut events = [EpollEvent::empty(); AT_ONCE];
        loop {
            self.catch_up();
            let count = match self.epoll.wait(&mut events, self.timeout()) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => return Err(ServerError::Wait(errno)),
            };
            for event in events.iter().take(count) {
                match Wakeup::from_data(event.data()) {
                    Wakeup::Signal if self.take_signals()? => return self.stop(),
                    Wakeup::Signal => {}
                    Wakeup::Admin => self.serve_some::<ADMIN_AT_ONCE>(|server| &server.admin_epoll)?,
                    Wakeup::Leaders => self.serve_some::<LEADERS_AT_ONCE>(|server| &server.leader_epoll)?,
                    other => self.serve_one(other),
                }
            }
        }
    }

    /// Does what signals ask for. True: to stop.
    fn take_signals(&mut self) -> Result<bool, ServerError> {
        while let Some(signal) = self.signals.read_signal().map_err(ServerError::Signals)? {
            if signal.ssi_signo != SIGHUP {
                return Ok(true);
            }
            self.reload();
        }
        Ok(false)
    }

    /// Takes a little of what waits in an epoll of its own. The rest keeps that readable, and so has the loop
    /// come back to it.
    fn serve_some<const MOST: usize>(&mut self, epoll: fn(&Self) -> &Epoll) -> Result<(), ServerError> {
        let mut events = [EpollEvent::empty(); MOST];
        let count = match epoll(self).wait(&mut events, EpollTimeout::ZERO) {
            Ok(count) => count,
            Err(nix::errno::Errno::EINTR) => 0,
            Err(errno) => return Err(ServerError::Wait(errno)),
        };
        for event in events.iter().take(count) {
            self.serve_one(Wakeup::from_data(event.data()));
        }
        Ok(())
    }

    fn serve_one(&mut self, wakeup: Wakeup) {
        match wakeup {
            Wakeup::Signal | Wakeup::Admin | Wakeup::Leaders => {}
            Wakeup::Accept(Door::Session) => self.accept(Door::Session, LOGINS_AT_ONCE),
            Wakeup::Accept(Door::Admin) => self.accept(Door::Admin, ADMIN_AT_ONCE),
            Wakeup::Connection(key) => self.serve_connection(key),
            Wakeup::Leader(id) => self.end(SessionRef::Id(id)),
            Wakeup::Worker(id) => self.jobs.reap(id, Instant::now()),
            Wakeup::Sweep(number) => self.jobs.reap_sweep(number, Instant::now()),
            Wakeup::Hook(id) => self.hooks.reap(id),
            Wakeup::HookOutput(id) => self.take_hook_output(id),
            Wakeup::Console => self.look_at_console(),
            Wakeup::Switch => self.end_switch(),
            Wakeup::LetGo => self.make_up_for_held(),
            Wakeup::HistoryWriter => self.history.reap(),
        }
    }

    /// Does what time or the last events have made due.
    fn catch_up(&mut self) {
        let now = Instant::now();
        if self.accept_again.is_some_and(|again| again <= now) {
            self.resume_accepting();
        }
        if self.watch_due.is_some_and(|due| due <= now) {
            self.watch_again();
        }
        self.tend_waiting(now);
        let is_over = |connection: &Connection| connection.deadline.is_some_and(|deadline| deadline <= now);
        let overdue = self.connections.iter().filter(|(_, connection)| is_over(connection));
        for key in overdue.map(|(&key, _)| key).collect::<Vec<_>>() {
            self.drop_connection(key);
        }
        let over = self.parked.iter().filter(|(_, due)| **due <= now).map(|(&uid, _)| uid);
        for uid in over.collect::<Vec<_>>() {
            self.parked.remove(&uid);
            self.apply(Input::DelayOver(uid), None);
        }
        if self.disposal.due().is_some_and(|due| due <= now) {
            self.tend_disposal(now);
        }
        self.kill_overdue(now);
        self.tend_switch(now);
        self.retire_stuck(now);
        self.jobs.tend_overdue(now);
        self.start_job(now);
        self.tend_hooks(now);
        let news = self.jobs.take_news();
        if !news.is_empty() {
            self.tend_before();
        }
        for event in news {
            self.announce(event);
        }
        self.tell_subscribers();
    }

    /// How long nothing is due. Without anything to wait for, for ever: idle means idle.
    fn timeout(&self) -> EpollTimeout {
        if self.subscriptions.is_due() {
            return EpollTimeout::ZERO;
        }
        let connections = self.connections.values().filter_map(|connection| connection.deadline);
        let directories = self.parked.values().copied().chain(self.stuck.values().map(|stuck| stuck.due));
        let due = connections
            .chain(directories)
            .chain(self.accept_again)
            .chain(self.watch_due)
            .chain(self.ending.values().copied())
            .chain(self.switch.as_ref().and_then(Switch::due))
            .chain(self.disposal.due());
        let due = due.chain(self.jobs.next_deadline()).chain(self.hooks.next_deadline(Instant::now()));
        let Some(next) = due.min() else {
            return EpollTimeout::NONE;
        };
        let left = next.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return EpollTimeout::ZERO;
        }
        // One more, as what is left of the last millisecond would be a busy loop.
        let millis = left.as_millis() + 1;
        EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX)
    }

    fn stop(mut self) -> Result<(), ServerError> {
        if let Err(error) = self.store.settle(self.registry.next_id()) {
            log::error!("{error}");
        }
        if self.hooks.waiting() > 0 {
            log::warn!("{} changes are told to no hook any more", self.hooks.waiting());
        }
        self.history.broker_stopped(self.registry.sessions());
        log::info!("stopped; {} sessions stay as they are", self.registry.sessions());
        // The kernel closes everything when this process ends, without waiting as it would now.
        std::mem::forget(self);
        Ok(())
    }
}

/// Has `source` watched; one that is watched already, for `flags` from now on.
fn watch(epoll: &Epoll, source: impl AsFd, wakeup: Wakeup, flags: EpollFlags) -> nix::Result<()> {
    let mut event = EpollEvent::new(flags, wakeup.to_data());
    match epoll.add(source.as_fd(), event) {
        Err(nix::errno::Errno::EEXIST) => epoll.modify(source.as_fd(), &mut event),
        added => added,
    }
}

fn unwatch(epoll: &Epoll, source: impl AsFd) {
    if let Err(errno) = epoll.delete(source.as_fd()) {
        log::error!("cannot stop watching a descriptor: {errno}");
    }
}
