//! Sessions: the registry, the leaders, and the records for a restart.
//!
//! - [`store`]: session records on disk, and lingering users;
//! - `leaders`: watches leaders, and ends them;
//! - `records`: writes session records, and those that could not be written later;
//! - `recover`: takes over the sessions of an earlier broker.

mod leaders;
mod records;
mod recover;
pub mod store;

use crate::{
    component::{Component, Outcome},
    config::Settings,
    limits::Limits,
    poller::{Poller, Token},
    process::Proc,
};
pub(crate) use leaders::Termination;

use ck_core::registry::{Effect, Input, Registry};
use ck_protocol::{EndCause, SessionId, SessionRef};
use leaders::Leaders;
use records::Unrecorded;
use std::{rc::Rc, time::Instant};
use store::{Boot, LingerDir, Store, UnreadableRecord};

/// The component that keeps the sessions.
#[derive(Debug)]
pub(crate) struct Sessions {
    pub(crate) registry: Registry,
    pub(crate) linger: LingerDir,
    /// Where leaders are looked up.
    pub(crate) proc: Rc<Proc>,
    store: Store,
    leaders: Leaders,
    /// The sessions without a record.
    unrecorded: Unrecorded,
    /// The sessions of an earlier broker whose leaders could not be watched yet.
    unwatched: Vec<SessionId>,
    /// The time of the next try to watch them.
    watch_due: Option<Instant>,
}

impl Sessions {
    pub(crate) fn new(
        registry: Registry,
        store: Store,
        linger: LingerDir,
        proc: Rc<Proc>,
    ) -> nix::Result<Self> {
        Ok(Self {
            registry,
            linger,
            proc,
            store,
            leaders: Leaders::new()?,
            unrecorded: Unrecorded::default(),
            unwatched: Vec::new(),
            watch_due: None,
        })
    }

    /// The epoll set of leaders, to be nested in the broker's.
    pub(crate) fn poller(&self) -> &Poller {
        self.leaders.poller()
    }

    /// The problems for the administrator.
    pub(crate) fn problems(&self) -> impl Iterator<Item = String> {
        self.proc.problem().into_iter().chain(self.unrecorded.problem()).chain(self.linger.problem())
    }

    /// Applies an input to the registry. Returns the effects that have to be carried out.
    pub(crate) fn apply(&mut self, input: Input) -> Vec<Effect> {
        self.registry.apply(input)
    }

    /// Writes that the records are of this boot.
    pub(crate) fn record_boot(&self, boot: Option<&Boot>) {
        if let Some(Err(error)) = boot.map(|boot| self.store.write_boot(boot)) {
            log::error!("{error}");
        }
    }

    /// Removes the record of a session.
    pub(crate) fn forget(&mut self, id: SessionId) {
        self.unrecorded.forget(id);
        if let Err(error) = self.store.forget(id) {
            log::error!("{error}");
        }
    }

    /// Writes the next session id, so that an orderly restart skips no id.
    pub(crate) fn write_next_id(&self) {
        if let Err(error) = self.store.write_next_id(self.registry.next_id()) {
            log::error!("{error}");
        }
    }

    /// Renames session records that could not be read, so that the next broker ignores them.
    pub(crate) fn set_aside(&self, records: &[UnreadableRecord]) {
        for record in records {
            match self.store.set_aside(record) {
                Ok(aside) => log::error!("{record}; set aside as {}", aside.display()),
                Err(error) => log::error!("{record}; {error}"),
            }
        }
    }
}

impl Component for Sessions {
    fn ready(&mut self, token: Token, _: Instant) -> Vec<Outcome> {
        match token {
            Token::Leader(id) => vec![Outcome::Input(Input::End(SessionRef::Id(id), EndCause::LeaderDied))],
            _ => Vec::new(),
        }
    }

    fn next_deadline(&self, _: Instant) -> Option<Instant> {
        self.leaders.next_deadline().into_iter().chain(self.watch_due).chain(self.unrecorded.due()).min()
    }

    fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        self.leaders.kill_overdue(now);
        self.record_again(now);
        if self.watch_due.is_some_and(|due| due <= now) { self.watch_again(now) } else { Vec::new() }
    }

    fn reconfigure(&mut self, settings: &Settings, limits: &Limits) {
        self.registry.limit(limits.sessions);
        self.registry.park(!settings.stop_delay.is_zero());
        self.registry.wait_for_hooks(settings.hooks.wait_added);
        self.registry.services(settings.services.clone());
    }
}
