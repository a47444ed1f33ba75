//! New connections: accepted, or refused with a reason.

use super::{
    Net,
    connection::{self, Connection, Peer, Unwelcome},
    listener::Listener,
};
use crate::{component::Outcome, poller::Endpoint};
use ck_protocol::{PROTOCOL, RefusalCode, Reply, limits};
use log::Level;
use rustix::{
    event::{EventfdFlags, eventfd},
    io::Errno,
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

/// How many logins are accepted before others have their turn.
const LOGINS_AT_ONCE: usize = 16;
/// How many connections to `admin.sock` are accepted before logins have their turn again.
const ADMIN_AT_ONCE: usize = 4;
/// The reply to a peer for whose connection there is no place.
pub(super) const TOO_MANY: &str = "too many connections: try again later";
/// The reply to a peer that asks more often than [`super::rates`] allows.
pub(super) const TOO_OFTEN: &str = "too many requests: try again in a second";
/// How long no connection is accepted after descriptors have run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A reserve descriptor, closed to accept and refuse one connection when the process has none left. Without it a
/// login would wait for its deadline, and the listener would stay readable.
#[derive(Debug)]
pub(super) struct ReserveDescriptor(Option<OwnedFd>);

impl ReserveDescriptor {
    /// Holds one, if there is one.
    pub(super) fn take() -> Self {
        Self(eventfd(0, EventfdFlags::CLOEXEC).ok())
    }
}

/// Tells a peer why it is not served, if that can be said at once. The versions that it speaks are not known yet, so it is
/// told in the oldest.
pub(super) fn say_why(socket: BorrowedFd<'_>, code: RefusalCode, why: &str) {
    let mut buffer = [0; limits::REPLY];
    if let Ok(packet) = PROTOCOL.oldest().encode(&Reply::refused(code, why), &mut buffer) {
        // Its connection is closed next, whether it has heard this or not.
        let _ = connection::send_now(socket, packet);
    }
}

impl Net {
    /// Accepts some of those who wait at an endpoint.
    pub(super) fn accept(&mut self, endpoint: Endpoint, now: Instant) -> Vec<Outcome> {
        let most = match endpoint {
            Endpoint::Session => LOGINS_AT_ONCE,
            Endpoint::Admin => ADMIN_AT_ONCE,
        };
        let mut outcomes = Vec::new();
        for _ in 0..most {
            if endpoint == Endpoint::Admin && self.deferred_close.is_full() {
                self.admin_closed = true;
                self.admin_poller.unwatch(&self.admin);
                break;
            }
            match self.listener(endpoint).accept() {
                Ok(Some(socket)) => outcomes.extend(self.welcome(socket, endpoint, now)),
                Ok(None) => break,
                Err(Errno::MFILE | Errno::NFILE) if self.reserve.0.is_some() => self.shed(endpoint),
                Err(errno) => {
                    self.pause_accepting(errno, now);
                    break;
                }
            }
        }
        outcomes
    }

    /// Refuses the first that waits, at once, by the reserve descriptor.
    fn shed(&mut self, endpoint: Endpoint) {
        self.reserve.0 = None;
        if let Ok(Some(socket)) = self.listener(endpoint).accept() {
            log::warn!("connection refused: no more descriptors: raise the broker's limit (RLIMIT_NOFILE)");
            let why = "the broker has no more descriptors: see its log";
            self.turn_away(socket, endpoint, RefusalCode::Busy, why);
        }
        self.reserve = ReserveDescriptor::take();
    }

    /// Refuses a connection that has no place yet.
    pub(super) fn turn_away(&mut self, socket: OwnedFd, endpoint: Endpoint, code: RefusalCode, why: &str) {
        self.refused.add(endpoint, code);
        say_why(socket.as_fd(), code, why);
        self.close_socket(socket, endpoint);
    }

    /// Stops accepting for a while: a listener that stays readable would wake the loop at once again.
    fn pause_accepting(&mut self, errno: Errno, now: Instant) {
        log::warn!("cannot accept connections: {errno}; trying again in {} ms", ACCEPT_RETRY.as_millis());
        self.poller.unwatch(&self.modules);
        self.admin_poller.unwatch(&self.admin);
        self.accept_again = Some(now + ACCEPT_RETRY);
    }

    /// Accepts again, after a pause.
    pub(super) fn resume_accepting(&mut self, now: Instant) {
        self.accept_again = None;
        if self.reserve.0.is_none() {
            self.reserve = ReserveDescriptor::take();
        }
        if let Err(errno) = self.listen() {
            log::error!("cannot listen again: {errno}");
            self.accept_again = Some(now + ACCEPT_RETRY);
        }
    }

    /// Takes a connection in, or tells the peer why not.
    fn welcome(&mut self, socket: OwnedFd, endpoint: Endpoint, now: Instant) -> Option<Outcome> {
        let peer = match self.identify(&socket, endpoint, now) {
            Ok(peer) => peer,
            Err((code, why)) => {
                // Any user can cause any number of those at admin.sock.
                let level = if endpoint == Endpoint::Session { Level::Warn } else { Level::Debug };
                log::log!(level, "connection refused: {why}");
                self.turn_away(socket, endpoint, code, &why);
                return None;
            }
        };
        let connection = Connection::new(socket, PROTOCOL, endpoint, peer, now);
        let key = self.next_key;
        self.next_key += 1;
        if endpoint == Endpoint::Admin {
            self.newcomers.push((key, connection));
            return Some(Outcome::Newcomer(key));
        }
        self.connections.insert(key, connection);
        // A module asks as soon as it is connected, so its request is most often here already.
        let request = self.receive(key, now);
        self.rearm(key);
        request
    }

    /// The peer that connected, if it may.
    fn identify(
        &mut self,
        socket: &OwnedFd,
        endpoint: Endpoint,
        now: Instant,
    ) -> Result<Peer, (RefusalCode, String)> {
        let denied = |why: Unwelcome| (RefusalCode::NotAllowed, why.to_string());
        let credentials = Peer::credentials(socket).map_err(denied)?;
        match endpoint {
            Endpoint::Admin if !self.rates.take(credentials.uid(), now) => {
                return Err((RefusalCode::Busy, TOO_OFTEN.to_owned()));
            }
            Endpoint::Session if !self.make_room_for_module(now) => {
                return Err((RefusalCode::Busy, TOO_MANY.to_owned()));
            }
            _ => {}
        }
        Peer::of(credentials, socket, endpoint).map_err(denied)
    }

    fn listener(&self, endpoint: Endpoint) -> &Listener {
        match endpoint {
            Endpoint::Session => &self.modules,
            Endpoint::Admin => &self.admin,
        }
    }
}
