//! Connections come and go.

use super::{
    Server, answer,
    connection::{Connection, Outbox, Peer, Unwelcome},
    door::Door,
};
use crate::poller::{Poller, Token};
use ck_protocol::{PROTOCOL, RefusalCode};
use log::Level;
use nix::sys::epoll::EpollFlags;
use rustix::{
    event::{EventfdFlags, eventfd},
    io::Errno,
};
use std::{
    os::fd::{AsFd, OwnedFd},
    time::{Duration, Instant},
};

/// What is said to those for whom there is no place.
const TOO_MANY: &str = "too many connections: try again later";
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
            if door == Door::Admin && self.disposal.is_full() {
                self.admin_closed = true;
                return self.admin_poller.unwatch(&self.admin);
            }
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
            answer::turn_away(
                socket.as_fd(),
                RefusalCode::Busy,
                "the broker has no more descriptors: see its log",
            );
            self.close(socket, door);
        }
        self.spare = Spare::take();
    }

    /// Stops accepting for a while: a listener that stays readable would wake us at once again.
    fn pause_accepting(&mut self, errno: Errno) {
        log::warn!("cannot accept connections: {errno}; trying again in {} ms", BREATHER.as_millis());
        self.poller.unwatch(&self.modules);
        self.admin_poller.unwatch(&self.admin);
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

    /// Takes a connection in, or tells the peer why not.
    fn welcome(&mut self, socket: OwnedFd, door: Door) {
        let peer = match self.admit(&socket, door) {
            Ok(peer) => peer,
            Err((code, why)) => {
                // Anybody can cause as many of the others as they like.
                let level = if door == Door::Session { Level::Warn } else { Level::Debug };
                log::log!(level, "connection refused: {why}");
                answer::turn_away(socket.as_fd(), code, &why);
                return self.close(socket, door);
            }
        };
        let mut connection = Connection::new(socket, PROTOCOL, door, peer, Instant::now());
        if door == Door::Admin && !self.seat(&mut connection) {
            answer::turn_away(connection.as_fd(), RefusalCode::Busy, TOO_MANY);
            return self.close(connection.into_socket(), door);
        }
        let key = self.next_connection;
        self.next_connection += 1;
        self.connections.insert(key, connection);
        if door == Door::Session {
            // A module asks as soon as it is connected, so its request is most often here already.
            self.serve_connection(key);
        }
        self.rearm(key);
    }

    /// Who connected, if they may.
    fn admit(&mut self, socket: &OwnedFd, door: Door) -> Result<Peer, (RefusalCode, String)> {
        let denied = |why: Unwelcome| (RefusalCode::NotAllowed, why.to_string());
        let credentials = Peer::credentials(socket).map_err(denied)?;
        let uid = credentials.uid();
        if door == Door::Admin && !self.rates.take(uid, Instant::now()) {
            return Err((RefusalCode::Busy, answer::TOO_OFTEN.to_owned()));
        }
        if door == Door::Session && !self.make_room_for_module() {
            return Err((RefusalCode::Busy, TOO_MANY.to_owned()));
        }
        Peer::of(credentials, socket, door).map_err(denied)
    }

    /// Closes a socket; one of `admin.sock` as far as that is safe here.
    fn close(&mut self, socket: OwnedFd, door: Door) {
        match door {
            Door::Session => drop(socket),
            Door::Admin => self.disposal.close(socket),
        }
    }

    /// Has closed what waits for that, and lets others in again when there is room.
    pub(super) fn tend_disposal(&mut self, now: Instant) {
        self.disposal.tend(now);
        if self.admin_closed && !self.disposal.is_full() {
            self.admin_closed = false;
            self.resume_accepting();
        }
    }

    /// Forgets a connection. Closing its descriptor would take it out of epoll only once every copy
    /// is closed, and a worker that is just being started has one until its program runs.
    pub(super) fn drop_connection(&mut self, key: u64) {
        if let Some(connection) = self.connections.remove(&key) {
            let door = connection.door;
            self.given_up.extend(connection.awaits);
            if connection.watched {
                self.poller(door).unwatch(&connection);
            }
            self.subscriptions.remove(key);
            self.close(connection.into_socket(), door);
        }
    }

    /// Watches a connection for what can bring it forward; one that cannot be watched is closed.
    pub(super) fn rearm(&mut self, key: u64) {
        let Some(connection) = self.connections.get(&key) else { return };
        let flags = match connection.outbox {
            Outbox::Empty => EpollFlags::EPOLLIN,
            _ => EpollFlags::EPOLLOUT,
        };
        match self.poller(connection.door).watch(connection, Token::Connection(key), flags) {
            Ok(()) => {
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.watched = true;
                }
            }
            Err(errno) => {
                log::error!("cannot watch a connection: {errno}");
                self.drop_connection(key);
            }
        }
    }

    /// Where what comes through the door is waited for.
    pub(super) fn poller(&self, door: Door) -> &Poller {
        match door {
            Door::Session => &self.poller,
            Door::Admin => &self.admin_poller,
        }
    }

    fn listener(&self, door: Door) -> &super::Listener {
        match door {
            Door::Session => &self.modules,
            Door::Admin => &self.admin,
        }
    }
}
