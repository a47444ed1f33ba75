//! Connections come and go.

use crate::{
    api,
    broker::Broker,
    net::connection::{Connection, Peer, PendingReply, Unwelcome},
    poller::{Endpoint, Poller, Token},
};
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
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A reserve descriptor, closed to accept and refuse one connection when the process has none left. Without it a
/// login would wait for its deadline, and the listener would stay readable.
#[derive(Debug)]
pub(crate) struct ReserveDescriptor(Option<OwnedFd>);

impl ReserveDescriptor {
    /// Holds one, if there is one.
    pub(crate) fn take() -> Self {
        Self(eventfd(0, EventfdFlags::CLOEXEC).ok())
    }
}

impl Broker {
    /// Accepts who waits at an endpoint, up to `most` of them.
    pub(crate) fn accept(&mut self, endpoint: Endpoint, most: usize) {
        for _ in 0..most {
            if endpoint == Endpoint::Admin && self.net.deferred_close.is_full() {
                self.net.admin_closed = true;
                return self.net.admin_poller.unwatch(&self.net.admin);
            }
            match self.listener(endpoint).accept() {
                Ok(Some(socket)) => self.welcome(socket, endpoint),
                Ok(None) => return,
                Err(Errno::MFILE | Errno::NFILE) if self.net.reserve.0.is_some() => self.shed(endpoint),
                Err(errno) => return self.pause_accepting(errno),
            }
        }
    }

    /// Turns away who waits first, at once, by the descriptor that is kept for that.
    fn shed(&mut self, endpoint: Endpoint) {
        self.net.reserve.0 = None;
        if let Ok(Some(socket)) = self.listener(endpoint).accept() {
            log::warn!("connection refused: no more descriptors: raise the broker's limit (RLIMIT_NOFILE)");
            api::turn_away(
                socket.as_fd(),
                RefusalCode::Busy,
                "the broker has no more descriptors: see its log",
            );
            self.close(socket, endpoint);
        }
        self.net.reserve = ReserveDescriptor::take();
    }

    /// Stops accepting for a while: a listener that stays readable would wake us at once again.
    fn pause_accepting(&mut self, errno: Errno) {
        log::warn!("cannot accept connections: {errno}; trying again in {} ms", ACCEPT_RETRY.as_millis());
        self.poller.unwatch(&self.net.modules);
        self.net.admin_poller.unwatch(&self.net.admin);
        self.net.accept_again = Some(Instant::now() + ACCEPT_RETRY);
    }

    /// Accepts again, after a pause.
    pub(crate) fn resume_accepting(&mut self) {
        self.net.accept_again = None;
        if self.net.reserve.0.is_none() {
            self.net.reserve = ReserveDescriptor::take();
        }
        if let Err(errno) = self.listen() {
            log::error!("cannot listen again: {errno}");
            self.net.accept_again = Some(Instant::now() + ACCEPT_RETRY);
        }
    }

    /// Takes a connection in, or tells the peer why not.
    fn welcome(&mut self, socket: OwnedFd, endpoint: Endpoint) {
        let peer = match self.admit(&socket, endpoint) {
            Ok(peer) => peer,
            Err((code, why)) => {
                // Anybody can cause as many of the others as they like.
                let level = if endpoint == Endpoint::Session { Level::Warn } else { Level::Debug };
                log::log!(level, "connection refused: {why}");
                api::turn_away(socket.as_fd(), code, &why);
                return self.close(socket, endpoint);
            }
        };
        let mut connection = Connection::new(socket, PROTOCOL, endpoint, peer, Instant::now());
        if endpoint == Endpoint::Admin && !self.seat(&mut connection) {
            api::turn_away(connection.as_fd(), RefusalCode::Busy, TOO_MANY);
            return self.close(connection.into_socket(), endpoint);
        }
        let key = self.net.next_connection;
        self.net.next_connection += 1;
        self.net.connections.insert(key, connection);
        if endpoint == Endpoint::Session {
            // A module asks as soon as it is connected, so its request is most often here already.
            self.serve_connection(key);
        }
        self.rearm(key);
    }

    /// Who connected, if they may.
    fn admit(&mut self, socket: &OwnedFd, endpoint: Endpoint) -> Result<Peer, (RefusalCode, String)> {
        let denied = |why: Unwelcome| (RefusalCode::NotAllowed, why.to_string());
        let credentials = Peer::credentials(socket).map_err(denied)?;
        let uid = credentials.uid();
        if endpoint == Endpoint::Admin && !self.net.rates.take(uid, Instant::now()) {
            return Err((RefusalCode::Busy, api::TOO_OFTEN.to_owned()));
        }
        if endpoint == Endpoint::Session && !self.make_room_for_module() {
            return Err((RefusalCode::Busy, TOO_MANY.to_owned()));
        }
        Peer::of(credentials, socket, endpoint).map_err(denied)
    }

    /// Closes a socket; one of `admin.sock` as far as that is safe here.
    fn close(&mut self, socket: OwnedFd, endpoint: Endpoint) {
        match endpoint {
            Endpoint::Session => drop(socket),
            Endpoint::Admin => self.net.deferred_close.close(socket),
        }
    }

    /// Has closed what waits for that, and lets others in again when there is room.
    pub(crate) fn tend_deferred_close(&mut self, now: Instant) {
        self.net.deferred_close.tend(now);
        if self.net.admin_closed && !self.net.deferred_close.is_full() {
            self.net.admin_closed = false;
            self.resume_accepting();
        }
    }

    /// Forgets a connection. Closing its descriptor would take it out of epoll only once every copy
    /// is closed, and a worker that is just being started has one until its program runs.
    pub(crate) fn drop_connection(&mut self, key: u64) {
        if let Some(connection) = self.net.connections.remove(&key) {
            let endpoint = connection.endpoint;
            self.net.given_up.extend(connection.awaits);
            if connection.watched {
                self.poller(endpoint).unwatch(&connection);
            }
            self.subscriptions.remove(key);
            self.close(connection.into_socket(), endpoint);
        }
    }

    /// Watches a connection for what can bring it forward; one that cannot be watched is closed.
    pub(crate) fn rearm(&mut self, key: u64) {
        let Some(connection) = self.net.connections.get(&key) else { return };
        let flags = match connection.pending {
            PendingReply::Empty => EpollFlags::EPOLLIN,
            _ => EpollFlags::EPOLLOUT,
        };
        match self.poller(connection.endpoint).watch(connection, Token::Connection(key), flags) {
            Ok(()) => {
                if let Some(connection) = self.net.connections.get_mut(&key) {
                    connection.watched = true;
                }
            }
            Err(errno) => {
                log::error!("cannot watch a connection: {errno}");
                self.drop_connection(key);
            }
        }
    }

    /// The epoll set of the endpoint and its connections.
    pub(crate) fn poller(&self, endpoint: Endpoint) -> &Poller {
        match endpoint {
            Endpoint::Session => &self.poller,
            Endpoint::Admin => &self.net.admin_poller,
        }
    }

    fn listener(&self, endpoint: Endpoint) -> &super::Listener {
        match endpoint {
            Endpoint::Session => &self.net.modules,
            Endpoint::Admin => &self.net.admin,
        }
    }
}
