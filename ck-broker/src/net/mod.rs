//! Sockets: bytes in, requests out, replies back.
//!
//! - [`listener`]: the two listening sockets;
//! - `accept`: new connections; `make_room`, [`room`]: which of them get a place, and which idle one is closed for it;
//! - [`connection`]: the peer of a connection, and what it is still to be sent;
//! - `receive`: from a packet to a request; `send`: replies, lists and changes, to peers that read as slowly as they like;
//! - `waits`: logins whose reply waits;
//! - `refused`: how often something was refused;
//! - [`rates`]: how often each uid may ask;
//! - [`descriptors`], [`deferred_close`]: descriptors that peers push.

mod accept;
pub(crate) mod connection;
pub(crate) mod deferred_close;
mod descriptors;
pub(crate) mod listener;
mod make_room;
mod rates;
mod receive;
mod refused;
mod room;
mod send;
mod waits;

pub(crate) use refused::Refused;

use crate::{
    component::{Component, Outcome},
    config::Settings,
    limits::Limits,
    poller::{Endpoint, Poller, Token},
};
use accept::ReserveDescriptor;
use ck_core::{
    metrics::LoginTimer,
    policy::{Policy, Requester},
};
use ck_protocol::Pid;
use connection::{Awaited, Connection, Peer, PendingReply};
use deferred_close::DeferredClose;
use listener::Listener;
use nix::sys::epoll::EpollFlags;
use rates::Rates;
use std::{collections::HashMap, io, mem, os::fd::OwnedFd, time::Instant};

/// The component.
#[derive(Debug)]
pub(crate) struct Net {
    poller: Poller,
    /// epoll set for admin.sock, nested in `poller`.
    admin_poller: Poller,
    /// session.sock.
    modules: Listener,
    /// admin.sock.
    admin: Listener,
    /// When connections are accepted again, after a failure.
    accept_again: Option<Instant>,
    /// True while nobody is accepted at admin.sock, because many connections wait for the deferred close.
    admin_closed: bool,
    deferred_close: DeferredClose,
    reserve: ReserveDescriptor,
    limits: Limits,
    policy: Policy,
    rates: Rates,
    refused: Refused,
    connections: HashMap<u64, Connection>,
    next_key: u64,
    /// Connections to admin.sock that wait to be admitted.
    newcomers: Vec<(u64, Connection)>,
    /// What the broker has not been told of closed connections.
    news: Vec<Outcome>,
}

impl Net {
    /// Two listening sockets without a connection.
    ///
    /// # Errors
    /// epoll_create1(2)
    pub(crate) fn new(
        poller: Poller,
        modules: Listener,
        admin: Listener,
        limits: Limits,
    ) -> nix::Result<Self> {
        Ok(Self {
            poller,
            admin_poller: Poller::new()?,
            accept_again: None,
            admin_closed: false,
            deferred_close: DeferredClose::new(!admin.refuses_descriptors),
            reserve: ReserveDescriptor::take(),
            modules,
            admin,
            limits,
            policy: Policy::default(),
            rates: Rates::default(),
            refused: Refused::default(),
            connections: HashMap::new(),
            next_key: 0,
            newcomers: Vec::new(),
            news: Vec::new(),
        })
    }

    /// Watches both sockets.
    ///
    /// # Errors
    /// epoll_ctl(2)
    pub(crate) fn listen(&self) -> nix::Result<()> {
        self.poller.watch(&self.modules, Token::Accept(Endpoint::Session), EpollFlags::EPOLLIN)?;
        self.admin_poller.watch(&self.admin, Token::Accept(Endpoint::Admin), EpollFlags::EPOLLIN)?;
        self.poller.watch(&self.admin_poller, Token::Admin, EpollFlags::EPOLLIN)
    }

    /// The nested set of admin.sock, for the broker's own set.
    pub(crate) fn admin_poller(&self) -> &Poller {
        &self.admin_poller
    }

    /// The policy that peers are under.
    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// The peer of the connection, under the policy of this moment. A peer that is gone may do nothing.
    pub(crate) fn requester(&self, key: u64) -> Requester {
        self.connections.get(&key).map_or(Requester::NOBODY, |connection| {
            let is_admin = connection.is_in(self.policy.group);
            self.policy.requester(connection.peer.uid, is_admin)
        })
    }

    /// The peer of the connection.
    pub(crate) fn peer(&self, key: u64) -> Option<&Peer> {
        self.connections.get(&key).map(|connection| &connection.peer)
    }

    /// The process of the peer, and its pid.
    ///
    /// # Errors
    /// The peer, or its process, is gone.
    pub(crate) fn process(&mut self, key: u64) -> io::Result<(&OwnedFd, Pid)> {
        self.connections.get_mut(&key).ok_or(io::ErrorKind::NotConnected)?.process()
    }

    /// The process of the peer, to watch it by.
    ///
    /// # Errors
    /// The peer, or its process, is gone.
    pub(crate) fn take_process(&mut self, key: u64) -> io::Result<OwnedFd> {
        self.connections.get_mut(&key).ok_or(io::ErrorKind::NotConnected)?.take_process()
    }

    /// Measures the login that the peer asks for, if it is one.
    pub(crate) fn login_timer(&mut self, peer: Option<u64>) -> Option<&mut LoginTimer> {
        self.connections.get_mut(&peer?)?.login.as_mut()
    }

    /// The same. The login is replied to.
    pub(crate) fn take_login_timer(&mut self, key: u64) -> Option<LoginTimer> {
        self.connections.get_mut(&key)?.login.take()
    }

    /// What was refused.
    pub(crate) fn refused(&self) -> Refused {
        self.refused
    }

    /// The peer is replied to when the switch that it asked for has ended. Until then its connection is not idle.
    pub(crate) fn await_switch(&mut self, key: u64) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.awaits = Awaited::Switch;
        }
    }

    /// Closes a connection. Closing its descriptor would take it out of epoll only once every copy is closed, and a process
    /// that is just being started has one until its program runs.
    pub(crate) fn close(&mut self, key: u64) {
        let Some(connection) = self.connections.remove(&key) else { return };
        if let Awaited::Session(id) = connection.awaits {
            self.news.push(Outcome::GaveUp(id));
        }
        if matches!(connection.pending, PendingReply::Changes) {
            self.news.push(Outcome::SubscriberGone(key));
        }
        let endpoint = connection.endpoint;
        if connection.watched {
            self.poller_of(endpoint).unwatch(&connection);
        }
        self.close_socket(connection.into_socket(), endpoint);
    }

    /// Closes a socket; one of admin.sock as far as that is safe here.
    fn close_socket(&mut self, socket: OwnedFd, endpoint: Endpoint) {
        match endpoint {
            Endpoint::Session => drop(socket),
            Endpoint::Admin => self.deferred_close.close(socket),
        }
    }

    /// Watches a connection for what can bring it forward. One that cannot be watched is closed.
    fn rearm(&mut self, key: u64) {
        let Some(connection) = self.connections.get(&key) else { return };
        let flags = match connection.pending {
            PendingReply::Empty => EpollFlags::EPOLLIN,
            _ => EpollFlags::EPOLLOUT,
        };
        match self.poller_of(connection.endpoint).watch(connection, Token::Connection(key), flags) {
            Ok(()) => {
                if let Some(connection) = self.connections.get_mut(&key) {
                    connection.watched = true;
                }
            }
            Err(errno) => {
                log::error!("cannot watch a connection: {errno}");
                self.close(key);
            }
        }
    }

    /// The epoll set of the endpoint and its connections.
    fn poller_of(&self, endpoint: Endpoint) -> &Poller {
        match endpoint {
            Endpoint::Session => &self.poller,
            Endpoint::Admin => &self.admin_poller,
        }
    }

    /// Closes what waits for that, and accepts at admin.sock again when there is room.
    fn tend_deferred_close(&mut self, now: Instant) {
        self.deferred_close.tend(now);
        if self.admin_closed && !self.deferred_close.is_full() {
            self.admin_closed = false;
            self.resume_accepting(now);
        }
    }

    fn close_all(&mut self, which: impl Fn(&Connection) -> bool) {
        let keys = self.connections.iter().filter(|(_, connection)| which(connection)).map(|(&key, _)| key);
        for key in keys.collect::<Vec<_>>() {
            self.close(key);
        }
    }
}

impl Component for Net {
    fn ready(&mut self, token: Token, now: Instant) -> Vec<Outcome> {
        match token {
            Token::Accept(endpoint) => self.accept(endpoint, now),
            Token::Connection(key) => self.serve(key, now).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.news.is_empty() {
            return Some(now);
        }
        let connections = self.connections.values().filter_map(|connection| connection.deadline);
        connections.chain(self.accept_again).chain(self.deferred_close.due()).min()
    }

    fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        if self.accept_again.is_some_and(|again| again <= now) {
            self.resume_accepting(now);
        }
        self.be_patient_with_logins(now);
        self.close_all(|connection| connection.deadline.is_some_and(|deadline| deadline <= now));
        if self.deferred_close.due().is_some_and(|due| due <= now) {
            self.tend_deferred_close(now);
        }
        mem::take(&mut self.news)
    }

    /// Connected peers are under the new policy too: it is looked up when something is sent, and a reply that was prepared
    /// before is not sent any more.
    fn reconfigure(&mut self, settings: &Settings, limits: &Limits) {
        self.limits = *limits;
        if mem::replace(&mut self.policy, settings.policy) != settings.policy {
            self.close_all(|connection| {
                let is_user = connection.endpoint == Endpoint::Admin && connection.peer.uid != 0;
                is_user && matches!(connection.pending, PendingReply::Packet(_))
            });
        }
    }
}
