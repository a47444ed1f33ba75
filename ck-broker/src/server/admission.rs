//! Connections come and go.

use super::{
    Server, answer,
    connection::{Connection, Outbox, Peer},
    door::Door,
    unwatch,
    wakeup::Wakeup,
    watch,
};
use ck_protocol::RefusalCode;
use nix::sys::epoll::{Epoll, EpollFlags};
use rustix::{
    event::{EventfdFlags, eventfd},
    io::Errno,
};
use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

/// How long no connection is accepted after descriptors have run out.
const BREATHER: Duration = Duration::from_millis(100);

/// A descriptor that is given up to turn somebody away when there is none besides. Without it a
/// login would wait for its deadline, and the listener would go on waking us.
#[derive(Debug)]
pub(super) struct Spare(Option<OwnedFd>);

impl Spare {
    /// Holds one, if there is one.
    pub(super) fn take() -> Self {
        Self(eventfd(0, EventfdFlags::CLOEXEC).ok())
    }
}

impl Server {
    /// Accepts who waits at a door, up to `most` of them.
    pub(super) fn accept(&mut self, door: Door, most: usize) {
        for _ in 0..most {
            match self.listener(door).accept() {
                Ok(Some(socket)) => self.welcome(socket, door),
                Ok(None) => return,
                Err(Errno::MFILE | Errno::NFILE) if self.spare.0.is_some() => self.shed(door),
                Err(errno) => return self.pause_accepting(errno),
            }
        }
    }

    /// Turns away who waits first, at once, by the descriptor that is kept for that.
    fn shed(&mut self, door: Door) {
        self.spare.0 = None;
        if let Ok(Some(socket)) = self.listener(door).accept() {
            log::warn!("connection refused: no more descriptors: raise the broker's limit (RLIMIT_NOFILE)");
            answer::turn_away(&socket, RefusalCode::Busy, "the broker has no more descriptors: see its log");
        }
        self.spare = Spare::take();
    }

    /// Stops accepting for a while: a listener that stays readable would wake us at once again.
    fn pause_accepting(&mut self, errno: Errno) {
        log::warn!("cannot accept connections: {errno}; trying again in {} ms", BREATHER.as_millis());
        unwatch(&self.epoll, &self.sessions);
        unwatch(&self.admin_epoll, &self.admin);
        self.accept_again = Some(Instant::now() + BREATHER);
    }

    /// Accepts again, after a pause.
    pub(super) fn resume_accepting(&mut self) {
        self.accept_again = None;
        if self.spare.0.is_none() {
            self.spare = Spare::take();
        }
        if let Err(errno) = self.listen() {
            log::error!("cannot listen again: {errno}");
            self.accept_again = Some(Instant::now() + BREATHER);
        }
    }

    fn welcome(&mut self, socket: OwnedFd, door: Door) {
        if let Err((code, message)) = self.admit(socket, door) {
            log::debug!("connection refused: {code:?}: {message}");
        }
    }

    /// Takes a connection in, or tells the peer why not.
    fn admit(&mut self, socket: OwnedFd, door: Door) -> Result<(), (RefusalCode, String)> {
        let now = Instant::now();
        let refused = |code, why: &dyn ToString| {
            answer::turn_away(&socket, code, &why.to_string());
            (code, why.to_string())
        };
        let uid = Peer::uid(&socket).map_err(|why| refused(RefusalCode::NotAllowed, &why))?;
        if door == Door::Admin && !self.rates.take(uid, now) {
            return Err(refused(RefusalCode::Busy, &answer::TOO_OFTEN));
        }
        if !self.has_room(door, uid) {
            return Err(refused(RefusalCode::Busy, &"too many connections: try again later"));
        }
        let peer = Peer::of(&socket, door).map_err(|why| refused(RefusalCode::NotAllowed, &why))?;
        let connection = Connection::new(socket, door, peer, now);
        let key = self.next_connection;
        self.next_connection += 1;
        let wakeup = Wakeup::Connection(key);
        match watch(self.epoll(door), &connection, wakeup, EpollFlags::EPOLLIN) {
            Ok(()) => {
                self.connections.insert(key, connection);
            }
            Err(errno) => log::error!("cannot watch a connection: {errno}"),
        }
        Ok(())
    }

    /// Whether one more connection of the uid may come through the door. Each has its own room,
    /// so nothing that is done on `admin.sock` keeps a login out.
    fn has_room(&self, door: Door, uid: u32) -> bool {
        let here = self.connections.values().filter(|other| other.door == door);
        match door {
            Door::Session => self.limits.admit_module(here.count()),
            Door::Admin => self.limits.admit_admin(uid, here.map(|other| other.peer.uid)),
        }
    }

    /// Forgets a connection. Closing its descriptor would take it out of epoll only once every copy
    /// is closed, and a worker that is just being started has one until its program runs.
    pub(super) fn drop_connection(&mut self, key: u64) {
        if let Some(connection) = self.connections.remove(&key) {
            unwatch(self.epoll(connection.door), connection);
        }
    }

    /// Watches a connection for what can bring it forward.
    pub(super) fn rearm(&self, key: u64) {
        let Some(connection) = self.connections.get(&key) else { return };
        let flags = match connection.outbox {
            Outbox::Empty => EpollFlags::EPOLLIN,
            _ => EpollFlags::EPOLLOUT,
        };
        let epoll = self.epoll(connection.door);
        if let Err(errno) = watch(epoll, connection, Wakeup::Connection(key), flags) {
            log::error!("cannot watch a connection: {errno}");
        }
    }

    /// Where what comes through the door is waited for.
    pub(super) fn epoll(&self, door: Door) -> &Epoll {
        match door {
            Door::Session => &self.epoll,
            Door::Admin => &self.admin_epoll,
        }
    }

    fn listener(&self, door: Door) -> &super::Listener {
        match door {
            Door::Session => &self.sessions,
            Door::Admin => &self.admin,
        }
    }
}
