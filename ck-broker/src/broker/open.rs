//! What the loop begins with.

use super::{Broker, BrokerError};
use crate::{
    compat::sd_login::SdLogin,
    config::{Configured, Settings, Source},
    console::Console,
    directories::{self, Directories, runtime_dir::Unfinished},
    history::History,
    hooks::Hooks,
    limits::{LINGERERS, Limits},
    net::{Net, listener::Listener},
    poller::{Endpoint, Poller, Token},
    sessions::{
        Sessions,
        store::{Boot, LingerDir, RecoveredState, Store},
    },
};
use ck_core::{
    events::Subscriptions,
    metrics::LoginMetrics,
    model::HookEvent,
    registry::{Input, Registry},
};
use ck_protocol::{SessionId, ShortName};
use nix::sys::{
    epoll::EpollFlags,
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use std::{collections::HashSet, mem::take, os::fd::OwnedFd, path::Path, time::Instant};

/// What a broker is started with.
#[derive(Debug)]
pub(crate) struct Startup {
    /// The runtime directories.
    pub(crate) directories: directories::Resources,
    /// What an earlier broker has left among them.
    pub(crate) unfinished: Unfinished,
    /// Where it is written who lingers.
    pub(crate) linger: LingerDir,
    /// How many descriptors can be open.
    pub(crate) descriptors: usize,
    /// The current boot.
    pub(crate) boot: Option<Boot>,
    /// Sockets that the service manager has opened.
    pub(crate) passed: Vec<OwnedFd>,
    /// Where settings are read again.
    pub(crate) source: Source,
    /// What [`receive_signals`] has returned.
    pub(crate) signals: SignalFd,
}

/// From now on, SIGTERM, SIGINT and SIGHUP wait until the loop takes them: one that came before would end the process.
///
/// # Errors
/// [`BrokerError::Signals`]
pub(crate) fn receive_signals() -> Result<SignalFd, BrokerError> {
    let mask: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].into_iter().collect();
    mask.thread_block().map_err(BrokerError::Signals)?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    SignalFd::with_flags(&mask, flags).map_err(BrokerError::Signals)
}

impl Broker {
    /// Opens the sockets in `state_dir` and takes over what an earlier broker left.
    ///
    /// # Errors
    /// [`BrokerError`]
    pub(crate) fn open(
        state_dir: &Path,
        (store, mut left): (Store, RecoveredState),
        startup: Startup,
        settings: Settings,
    ) -> Result<Self, BrokerError> {
        let Startup { directories, unfinished, linger, descriptors, boot, mut passed, source, signals } =
            startup;
        let poller = Poller::new().map_err(BrokerError::Wait)?;
        let configured = Configured::new(source, &settings, descriptors);
        let proc = configured.proc();
        let ours: HashSet<_> = directories.claims.uids().into_iter().collect();
        let next = left.next_id.unwrap_or(SessionId::FIRST);
        let registry = Registry::restore(take(&mut left.sessions), |uid| ours.contains(&uid), next);
        let mut open = |endpoint| {
            Listener::take_or_open(endpoint, state_dir, &mut passed).map_err(BrokerError::Listener)
        };
        let (modules, admin) = (open(Endpoint::Session)?, open(Endpoint::Admin)?);
        if !passed.is_empty() {
            log::warn!(
                "the service manager has passed {} descriptors that are no sockets of ours",
                passed.len()
            );
        }
        let limits = Limits::within(descriptors, settings.hooks.parallel);
        let net = Net::new(poller.clone(), modules, admin, limits).map_err(BrokerError::Wait)?;
        let mut broker = Self {
            net,
            subscriptions: Subscriptions::default(),
            logins: LoginMetrics::default(),
            console: Console::open(poller.clone()),
            sd_login: SdLogin::new(poller.clone(), state_dir),
            configured,
            signals,
            sessions: Sessions::new(registry, store, linger, proc).map_err(BrokerError::Wait)?,
            directories: Directories::new(poller.clone(), directories),
            hooks: Hooks::new(poller.clone(), settings.hooks.clone()),
            history: History::new(poller.clone(), settings.history.clone()),
            poller,
        };
        broker.configure(&settings);
        broker.hooks.look();
        broker.watch_sources().map_err(BrokerError::Wait)?;
        broker.history.broker_started();
        broker.take_over(&left, unfinished, boot.as_ref());
        Ok(broker)
    }

    /// Has signals, leaders and both sockets watched.
    fn watch_sources(&self) -> nix::Result<()> {
        self.poller.watch(&self.signals, Token::Signal, EpollFlags::EPOLLIN)?;
        self.poller.watch(self.sessions.poller(), Token::Leaders, EpollFlags::EPOLLIN)?;
        self.net.listen()
    }

    /// Sets the seats: the virtual terminals where there are any, and those of the configuration. Returns whether there are
    /// virtual terminals.
    pub(crate) fn open_seats(&mut self, configured: Vec<(ShortName, Vec<ShortName>)>) -> bool {
        let has_vts = self.console.has_vts();
        self.sessions.registry.seats(has_vts, configured);
        let seats: Vec<_> = self.sessions.registry.shown_seats(|_| true).map(|seat| seat.id).collect();
        for seat in seats {
            self.hooks.push(HookEvent::SeatAdded(seat));
        }
        let foreground = self.console.look();
        self.take(foreground);
        has_vts
    }

    /// Lets those linger who did before the broker was started. A directory that is claimed and there was theirs
    /// all the time, and what runs without a session may use it.
    pub(super) fn linger_again(&mut self) {
        for (uid, lingerer) in self.sessions.linger.read(LINGERERS) {
            let kept = self.directories.kept(uid);
            if kept.is_some() {
                self.directories.adopt(uid);
            }
            self.apply(Input::Linger { uid, lingerer, kept }, None);
        }
    }

    /// Keeps the sessions of an earlier broker whose leader lives, ends the others, and retires the directories in
    /// which no session lives. The registry has the sessions already. After a boot no leader lives, whatever has its pid now.
    fn take_over(&mut self, left: &RecoveredState, unfinished: Unfinished, boot: Option<&Boot>) {
        let rebooted = left.is_of_earlier_boot;
        if rebooted {
            let sessions = self.sessions.registry.sessions();
            log::warn!("the state is of an earlier boot: its {sessions} sessions have ended");
        } else {
            for record in self.sessions.registry.from(SessionId::new(0)) {
                if record.session.runtime_dir.is_some() {
                    self.directories.adopt(record.session.uid);
                }
            }
        }
        self.directories.resume(unfinished);
        if !rebooted {
            self.linger_again();
        }
        let ended = if rebooted { self.sessions.end_all() } else { self.sessions.watch_all(Instant::now()) };
        self.take(ended);
        self.directories.retire_abandoned(left.unreadable.is_empty() || rebooted);
        if rebooted {
            self.linger_again();
        }
        // Not before: a broker that is started after a crash in between would know of no such record, and
        // retire the directory of its session.
        self.sessions.set_aside(&left.unreadable);
        // As late, and before any session opens: what is not of this boot must not be taken for it.
        self.sessions.record_boot(boot);
        let (sessions, users) = (self.sessions.registry.sessions(), self.sessions.registry.users());
        self.logins.note_sessions(sessions);
        log::info!("serving {sessions} sessions of {users} users");
    }
}
