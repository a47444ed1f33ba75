//! Carrying out what the registry wants done.

use super::{
    Server, answer,
    connection::{Connection, Sent},
    unwatch,
    wakeup::Wakeup,
    watch,
};
use crate::{jobs::Started, runtime_dir::Existing};
use ck_core::{
    model::RuntimeDir,
    registry::{Effect, Input},
};
use ck_protocol::{Gid, RefusalCode, Reply, SessionId, SessionRef, Uid};
use nix::sys::epoll::{Epoll, EpollFlags};
use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, OwnedFd},
    time::Instant,
};

impl Server {
    /// Tells the registry, and carries out what follows. `peer` is the connection to be
    /// answered, if the input came by one.
    pub(super) fn apply(&mut self, input: Input, peer: Option<u64>) {
        let mut due = VecDeque::from(self.registry.apply(input));
        while let Some(effect) = due.pop_front() {
            due.extend(self.perform(effect, peer));
        }
    }

    /// Ends a session, whoever said so.
    pub(super) fn end(&mut self, session: SessionRef) {
        self.apply(Input::End(session), None);
    }

    /// Carries out one effect; returns what follows from it. An effect that fails is logged and
    /// never keeps anybody from logging in.
    fn perform(&mut self, effect: Effect, peer: Option<u64>) -> Vec<Effect> {
        match effect {
            Effect::MakeRuntimeDir { uid, gid } => {
                let dir = self.make_runtime_dir(uid, gid);
                return self.registry.apply(Input::RuntimeDir { uid, dir });
            }
            Effect::Reply(reply) => return self.reply(peer, reply),
            Effect::Join(opened) => {
                log::debug!("a login is part of session {}", opened.id);
                peer.map(|key| self.send(key, &Reply::Opened(opened)));
            }
            Effect::RetireRuntimeDir(uid) => {
                // What stands in the way is kept, and tried again.
                let _ = self.retire(uid);
            }
            Effect::ParkRuntimeDir(uid) => {
                self.parked.insert(uid, Instant::now() + self.stop_delay);
            }
            Effect::Record(id) => self.record(id),
            Effect::Forget(id) => {
                if let Err(error) = self.store.forget(id) {
                    log::error!("{error}");
                }
            }
            Effect::Watch(id) => return self.watch_peer(id, peer),
            Effect::RunHooks(event) => self.run_hooks(*event),
            Effect::Await(id) => return self.await_hooks(id, peer),
            Effect::Unwatch(id) => {
                self.answer_ended(id);
                self.ending.remove(&id);
                if let Some(leader) = self.leaders.remove(&id) {
                    unwatch(&self.leader_epoll, leader);
                }
            }
            Effect::Announce(event) => self.announce(event),
            Effect::Ended(session) => self.history.ended(&session),
        }
        Vec::new()
    }

    /// The user's runtime directory: a fresh one, or one that somebody else made as it should be.
    fn make_runtime_dir(&mut self, uid: Uid, gid: Gid) -> Option<RuntimeDir> {
        if self.root.makes_none() {
            return None;
        }
        match self.find_runtime_dir(uid, gid) {
            Ok(ours) => {
                self.lacking.settle(uid);
                Some(RuntimeDir { path: self.root.text_of(uid), ours })
            }
            Err(reason) => {
                log::warn!("uid {uid} gets no runtime directory: {reason}");
                self.lacking.note(uid, reason);
                None
            }
        }
    }

    /// Whether the directory that the uid has now is ours; otherwise why it has none.
    fn find_runtime_dir(&mut self, uid: Uid, gid: Gid) -> Result<bool, String> {
        self.jobs.has_room(uid, self.limits.teardowns, self.root.size())?;
        // Of a user without a session: left by an earlier one.
        if self.store.claims(uid) {
            self.retire(uid)?;
        }
        match self.root.existing(uid).map_err(|error| error.to_string())? {
            Existing::Nothing => self.create(uid, gid).map(|()| true),
            Existing::Usable => Ok(false),
            Existing::Unusable => Err(format!(
                "{} is not used: it is not a directory of mode 0700 that uid {uid} owns; remove it",
                self.root.of(uid).display()
            )),
        }
    }

    fn create(&mut self, uid: Uid, gid: Gid) -> Result<(), String> {
        // The intent first: a directory that nobody claims would never be removed.
        let claim = self.store.claim(uid).map_err(|error| error.to_string())?;
        let created = self.root.create(uid, gid).map_err(|error| {
            // What a process may still make that is held up stays ours.
            if !error.may_be_done() {
                self.disclaim(uid);
            }
            self.jobs.note_to_sweep(Instant::now());
            self.watch_held();
            error.to_string()
        })?;
        // Until a directory is made as it should be.
        self.fallback = created.fell_back.map(|error| {
            format!(
                "{error}: users get plain directories, which share the space of {}",
                self.root.path().display()
            )
        });
        if let Some(Err(error)) = created.made.map(|made| self.store.note_made(claim, made)) {
            // This broker knows it. The next one would take it off at the last logout without emptying it.
            log::error!("{error}");
        }
        Ok(())
    }

    /// Starts a worker, if one may run, and what sweeps. When another one may, the loop comes back at once.
    pub(super) fn start_job(&mut self, now: Instant) {
        let epoll = &self.epoll;
        self.history.watch(|process| watch_worker(epoll, process, Wakeup::HistoryWriter));
        self.jobs.watch_hung(|Started { id, process }| watch_worker(epoll, process, Wakeup::Worker(id)));
        self.jobs.start_sweeps(now, |number, process| watch_worker(epoll, process, Wakeup::Sweep(number)));
        if let Some(Started { id, process }) = self.jobs.start_next(now) {
            watch_worker(epoll, process, Wakeup::Worker(id));
        }
    }

    fn record(&mut self, id: SessionId) {
        let Some(record) = self.registry.get(id) else { return };
        if let Err(error) = self.store.record(record) {
            log::error!("session {id} would not survive a restart of ck-broker: {error}");
        }
    }

    /// Watches the peer as the leader of the session that it has just opened. A session whose end
    /// could not be seen is none.
    fn watch_peer(&mut self, id: SessionId, peer: Option<u64>) -> Vec<Effect> {
        let connection = peer.and_then(|key| self.connections.get_mut(&key));
        let watched = connection.ok_or_else(|| io::ErrorKind::NotConnected.into());
        match watched.and_then(Connection::take_process).and_then(|leader| self.watch_leader(id, leader)) {
            Ok(()) => Vec::new(),
            Err(error) => {
                log::error!("session {id}: its leader cannot be watched: {error}");
                self.registry.apply(Input::End(SessionRef::Id(id)))
            }
        }
    }

    pub(super) fn watch_leader(&mut self, id: SessionId, leader: OwnedFd) -> io::Result<()> {
        watch(&self.leader_epoll, &leader, Wakeup::Leader(id), EpollFlags::EPOLLIN)?;
        self.leaders.insert(id, leader);
        Ok(())
    }

    /// Answers the peer. An open that nobody hears of is none: its session ends at once.
    fn reply(&mut self, peer: Option<u64>, reply: Reply) -> Vec<Effect> {
        let reply = match reply {
            Reply::Opened(opened) if self.registry.get(opened.id).is_none() => {
                let message = "your process cannot be watched: see the log of ck-broker";
                answer::refused(RefusalCode::Failed, message)
            }
            reply => reply,
        };
        let sent = peer.map_or(Sent::Gone, |key| self.send(key, &reply));
        match reply {
            Reply::Opened(opened) if sent == Sent::Gone => {
                log::info!("session {}: its process was gone before it was open", opened.id);
                self.registry.apply(Input::End(SessionRef::Id(opened.id)))
            }
            _ => Vec::new(),
        }
    }
}

fn watch_worker(epoll: &Epoll, process: impl AsFd, wakeup: Wakeup) {
    // Once: another worker that is just being started has a copy of this pidfd, which would
    // otherwise go on waking us after we have closed it.
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
    if let Err(errno) = watch(epoll, process, wakeup, flags) {
        // Its end is then seen when its time is over.
        log::error!("cannot watch a worker: {errno}");
    }
}
