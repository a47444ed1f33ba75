//! Carrying out what the registry wants done.

use super::{
    Server, answer,
    connection::{Connection, Sent},
    unwatch,
    wakeup::Wakeup,
    watch,
};
use crate::{
    jobs::Started,
    registry::{Effect, Input, RuntimeDir},
    runtime_dir::Existing,
};
use ck_protocol::{Gid, RefusalCode, Reply, SessionId, SessionRef, Uid};
use nix::sys::epoll::EpollFlags;
use std::{collections::VecDeque, io, os::fd::OwnedFd, time::Instant};

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
                self.retire(uid);
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
            Effect::RunHooks(occasion) => self.run_hooks(*occasion),
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
        if !self.jobs.has_room(uid, self.limits.teardowns) {
            log::warn!(
                "uid {uid} gets no runtime directory: too many of its earlier ones wait for their teardown"
            );
            return None;
        }
        // Of a user without a session: left by an earlier one.
        if self.store.claims(uid) && !self.retire(uid) {
            return None;
        }
        let ours = match self.root.existing(uid) {
            Ok(Existing::Nothing) => self.create(uid, gid).map(|()| true),
            Ok(Existing::Usable) => Some(false),
            Ok(Existing::Unusable) => {
                let path = self.root.of(uid);
                log::warn!(
                    "{}: not used: it is not a directory of mode 0700 that uid {uid} owns; remove it",
                    path.display()
                );
                None
            }
            Err(error) => {
                log::error!("{error}");
                None
            }
        };
        ours.map(|ours| RuntimeDir { path: self.root.text_of(uid), ours })
    }

    fn create(&mut self, uid: Uid, gid: Gid) -> Option<()> {
        // The intent first: a directory that nobody claims would never be removed.
        let claim = match self.store.claim(uid) {
            Ok(claim) => claim,
            Err(error) => {
                log::error!("{error}");
                return None;
            }
        };
        let device = match self.root.create(uid, gid) {
            Ok(device) => device,
            Err(error) => {
                log::error!("{error}");
                self.disclaim(uid);
                return None;
            }
        };
        if let Some(Err(error)) = device.map(|device| self.store.note_device(claim, device)) {
            // It is detached at the last logout all the same, and goes with its last user.
            log::error!("{error}");
        }
        Some(())
    }

    /// Starts a worker, if one may run. When another one may, the loop comes back at once.
    pub(super) fn start_job(&mut self, now: Instant) {
        let Some(Started { id, worker }) = self.jobs.start_next(now) else { return };
        // Once: another worker that is just being started has a copy of this pidfd, which would
        // otherwise go on waking us after we have closed it.
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT;
        if let Err(errno) = watch(&self.epoll, worker, Wakeup::Worker(id), flags) {
            // Its end is then seen when its time is over.
            log::error!("cannot watch a worker: {errno}");
        }
    }

    fn record(&mut self, id: SessionId) {
        let Some(entry) = self.registry.get(id) else { return };
        if let Err(error) = self.store.record(entry) {
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
