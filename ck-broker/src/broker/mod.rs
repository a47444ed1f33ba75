//! The loop: one thread that waits in one place, for everything at once, and nowhere else.
//!
//! Data flows one way: frame, request, [`Sessions::apply`], effects. Nothing that is done
//! on the way can come back into the loop, and nothing waits for a peer, a child, or a file
//! system that a user controls. The sources of `admin.sock` and the leaders have nested epoll sets, of
//! which the loop takes a few events at a time: however many there are, logins have their turn.

mod configure;
mod effects;
mod hook_waits;
mod measure;
mod open;
mod requests;
mod subscribers;

pub(crate) use open::{Startup, receive_signals};

use crate::{
    component::{Component, Outcome},
    config::Configured,
    console::Console,
    directories::Directories,
    history::History,
    hooks::Hooks,
    net::{Net, listener::ListenerError},
    poller::{Poller, Token},
    sessions::Sessions,
};
use ck_core::{events::Subscriptions, metrics::LoginMetrics};
use ck_protocol::{EndCause, SessionRef};
use nix::sys::{epoll::EpollTimeout, signal::Signal, signalfd::SignalFd};
use std::time::Instant;

/// As signalfd(2) has it.
const SIGHUP: u32 = Signal::SIGHUP as u32;
/// How many events are fetched at once.
const AT_ONCE: usize = 64;
/// How much of `admin.sock` is handled before logins have their turn again.
const ADMIN_AT_ONCE: usize = 4;
/// The same of deaths of leaders. Each may take a directory out of its place, which is as much work as a login.
const LEADERS_AT_ONCE: usize = 1;

/// Why the broker cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    /// A socket could not be opened.
    #[error(transparent)]
    Listener(ListenerError),
    /// Signals could not be received.
    #[error("cannot receive signals: {0}")]
    Signals(nix::errno::Errno),
    /// epoll failed.
    #[error("cannot wait for events: {0}")]
    Wait(nix::errno::Errno),
}

/// The broker: it owns all components, and alone carries what one of them tells to another.
#[derive(Debug)]
pub(crate) struct Broker {
    poller: Poller,
    signals: SignalFd,
    configured: Configured,
    subscriptions: Subscriptions,
    logins: LoginMetrics,
    net: Net,
    sessions: Sessions,
    directories: Directories,
    hooks: Hooks,
    history: History,
    console: Console,
}

impl Broker {
    /// Serves until SIGTERM or SIGINT; SIGHUP has the configuration read again. Sessions and their directories stay: a
    /// stop is no logout.
    ///
    /// # Errors
    /// [`BrokerError::Wait`]
    pub(crate) fn serve(mut self) -> Result<(), BrokerError> {
        loop {
            self.catch_up();
            let timeout = self.timeout();
            for token in self.poller.wait::<AT_ONCE>(timeout).map_err(BrokerError::Wait)? {
                match token {
                    Token::Signal if self.take_signals()? => return self.stop(),
                    Token::Signal => {}
                    Token::Admin => self.serve_some::<ADMIN_AT_ONCE>(&self.net.admin_poller().clone())?,
                    Token::Leaders => self.serve_some::<LEADERS_AT_ONCE>(&self.sessions.poller().clone())?,
                    other => self.serve_one(other),
                }
            }
        }
    }

    /// Does what signals ask for. True: to stop.
    fn take_signals(&mut self) -> Result<bool, BrokerError> {
        while let Some(signal) = self.signals.read_signal().map_err(BrokerError::Signals)? {
            if signal.ssi_signo != SIGHUP {
                return Ok(true);
            }
            self.reload();
        }
        Ok(false)
    }

    /// Takes a few events of a nested set. The rest keeps that readable, and so has the loop
    /// come back to it.
    fn serve_some<const MOST: usize>(&mut self, nested: &Poller) -> Result<(), BrokerError> {
        for token in nested.wait::<MOST>(EpollTimeout::ZERO).map_err(BrokerError::Wait)? {
            self.serve_one(token);
        }
        Ok(())
    }

    fn serve_one(&mut self, token: Token) {
        let now = Instant::now();
        let outcomes: Vec<_> =
            self.components().into_iter().flat_map(|component| component.ready(token, now)).collect();
        self.take(outcomes);
    }

    /// All components. Each is asked only what concerns it.
    fn components(&mut self) -> [&mut dyn Component; 6] {
        [
            &mut self.net,
            &mut self.sessions,
            &mut self.directories,
            &mut self.hooks,
            &mut self.history,
            &mut self.console,
        ]
    }

    /// Carries out what components have told.
    fn take(&mut self, outcomes: impl IntoIterator<Item = Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Input(input) => self.apply(input, None),
                Outcome::EndedUnseen(id) => {
                    self.end(SessionRef::Id(id), EndCause::Unseen);
                }
                Outcome::Announce(event) => self.announce(event),
                Outcome::Reply(peer, reply) => {
                    self.net.send(peer, &reply);
                }
                Outcome::HooksDone(id) => self.hooks_done(id),
                Outcome::Newcomer(key) => {
                    let registry = &self.sessions.registry;
                    self.net.admit(key, |uid| registry.is_here(uid));
                }
                Outcome::Request(key, request) => self.answer(key, request),
                Outcome::ListHasRoom(key) => self.send_list(key),
                Outcome::SubscriberHasRoom(key) => self.tell(key),
                Outcome::SubscriberGone(key) => self.subscriptions.remove(key),
                Outcome::GaveUp(id) => self.give_up(id),
            }
        }
    }

    /// Does what time or the last events have made due.
    fn catch_up(&mut self) {
        let now = Instant::now();
        let outcomes: Vec<_> =
            self.components().into_iter().flat_map(|component| component.expire(now)).collect();
        self.take(outcomes);
        self.tell_subscribers();
    }

    /// How long nothing is due. Without anything to wait for, for ever: idle means idle.
    fn timeout(&mut self) -> EpollTimeout {
        if self.subscriptions.is_due() {
            return EpollTimeout::ZERO;
        }
        let now = Instant::now();
        let due = self.components().iter().filter_map(|component| component.next_deadline(now)).min();
        let Some(next) = due else { return EpollTimeout::NONE };
        let left = next.saturating_duration_since(now);
        if left.is_zero() {
            return EpollTimeout::ZERO;
        }
        // One more, as what is left of the last millisecond would be a busy loop.
        let millis = left.as_millis() + 1;
        EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX)
    }

    fn stop(mut self) -> Result<(), BrokerError> {
        self.sessions.write_next_id();
        if self.hooks.waiting() > 0 {
            log::warn!("{} changes are told to no hook any more", self.hooks.waiting());
        }
        self.history.broker_stopped(self.sessions.registry.sessions());
        log::info!("stopped; {} sessions stay as they are", self.sessions.registry.sessions());
        // The kernel closes everything when this process ends, without waiting as it would now.
        std::mem::forget(self);
        Ok(())
    }
}
