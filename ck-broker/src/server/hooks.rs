//! Having hooks run: from the loop, between everything else.

use super::{Server, answer, wakeup::Wakeup, watch};
use crate::hooks::{RunId, Started};
use ck_core::{
    model::{Full, HookEvent},
    registry::{Effect, Input},
};
use ck_protocol::{Event, RefusalCode, SessionId};
use nix::sys::epoll::{Epoll, EpollFlags};
use std::{os::fd::AsFd, time::Instant};

/// Once for each time that we are ready for it, so that a copy of such a descriptor in a program that is just
/// being started wakes nobody.
const ONCE: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLONESHOT);

impl Server {
    /// Queues what hooks are to be told.
    pub(super) fn run_hooks(&mut self, event: HookEvent) {
        self.hooks.push(event);
    }

    /// Does so for an event that has all the facts in it.
    pub(super) fn run_hooks_of(&mut self, event: Event) {
        match event {
            Event::SessionChanged(session) => self.run_hooks(HookEvent::SessionActiveChanged(session)),
            Event::SeatChanged { seat, active, before } => {
                let session = |id| self.registry.get(id).map(|record| Box::new(record.session.clone()));
                let (new, old) = (active.and_then(session), before.and_then(session));
                let last = self.hooks.exchange(&seat, new.as_deref());
                let old = old.or(last.filter(|last| Some(last.id) == before));
                self.run_hooks(HookEvent::SeatActiveSessionChanged { seat, old, new });
            }
            _ => {}
        }
    }

    /// Ends the hooks that are over their time, starts those whose turn it is, and answers who waited.
    pub(super) fn tend_hooks(&mut self, now: Instant) {
        self.hooks.tend_overdue(now);
        let epoll = &self.epoll;
        self.hooks.start(now, |Started { id, process, output }| {
            watch_once(epoll, process, Wakeup::Hook(id));
            if let Some(output) = output {
                watch_once(epoll, output, Wakeup::HookOutput(id));
            }
        });
        for id in self.hooks.take_told() {
            let waiting = self.connections.iter_mut().find(|(_, connection)| connection.awaits == Some(id));
            let peer = waiting.map(|(&key, connection)| {
                connection.awaits = None;
                key
            });
            self.apply(Input::HooksDone(id), peer);
        }
    }

    /// A hook has printed something.
    pub(super) fn take_hook_output(&mut self, id: RunId) {
        if let Some(output) = self.hooks.take_output(id) {
            watch_once(&self.epoll, output, Wakeup::HookOutput(id));
        }
    }

    /// Has the peer answered when hooks have been told of the session: this one only, if it has asked before. Where too
    /// many wait already it is answered at once, as each takes a connection that others need to log in.
    pub(super) fn await_hooks(&mut self, id: SessionId, peer: Option<u64>) -> Vec<Effect> {
        if let Err(full) = self.may_wait(id) {
            log::warn!("session {id} does not wait for its hooks: too many logins do ({full:?})");
            return self.registry.apply(Input::HooksDone(id));
        }
        for (&key, connection) in &mut self.connections {
            if Some(key) == peer {
                connection.awaits = Some(id);
            } else if connection.awaits == Some(id) {
                connection.awaits = None;
            }
        }
        Vec::new()
    }

    /// Whether one more login of the session's user may wait.
    fn may_wait(&self, id: SessionId) -> Result<(), Full> {
        let user = |id| self.registry.get(id).map(|record| record.session.uid);
        let Some(uid) = user(id) else { return Ok(()) };
        let waiting = self.connections.values().filter_map(|connection| connection.awaits);
        let (mut own, mut all) = (0, 0);
        for other in waiting.filter(|other| *other != id) {
            own += usize::from(user(other) == Some(uid));
            all += 1;
        }
        self.limits.waiting_logins.admits(uid, own, all)
    }

    /// Tells the peer who waits for hooks of a session that this has ended.
    pub(super) fn answer_ended(&mut self, id: SessionId) {
        let waiting = self.connections.iter_mut().find(|(_, connection)| connection.awaits == Some(id));
        let Some((&key, connection)) = waiting else { return };
        connection.awaits = None;
        let message = "the session has ended before its hooks had";
        self.send(key, &answer::refused(RefusalCode::Failed, message));
    }

    /// Ends the sessions whose module has not waited for hooks, and has patience with those that do: how long
    /// a login waits is its module's business, whose deadline it is.
    pub(super) fn tend_waiting(&mut self, now: Instant) {
        for id in std::mem::take(&mut self.given_up) {
            if !self.connections.values().any(|connection| connection.awaits == Some(id)) {
                log::info!("session {id}: its module has not waited for the hooks");
                self.end(ck_protocol::SessionRef::Id(id));
            }
        }
        for connection in self.connections.values_mut() {
            if connection.awaits.is_some() && connection.deadline.is_some_and(|deadline| deadline <= now) {
                connection.moved(now);
            }
        }
    }
}

fn watch_once(epoll: &Epoll, source: impl AsFd, wakeup: Wakeup) {
    if let Err(errno) = watch(epoll, source, wakeup, ONCE) {
        // Its end is then seen when its time is over.
        log::error!("cannot watch a hook: {errno}");
    }
}
