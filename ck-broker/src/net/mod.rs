//! Sockets: accepting peers, their connections, and how much each may ask.
//!
//! - [`listener`]: the two listening sockets;
//! - `admission`: connections come and go; `make_room`, [`room`]: who has a place, and who gives it up for whom;
//! - [`connection`]: who is at its other end, and what it is still to be sent;
//! - [`limits`], [`rates`]: how much there may be, and how often each uid may ask;
//! - [`descriptors`], [`deferred_close`]: descriptors that peers push.

pub(crate) mod admission;
pub(crate) mod connection;
pub(crate) mod deferred_close;
mod descriptors;
pub(crate) mod limits;
pub(crate) mod listener;
mod make_room;
pub(crate) mod rates;
pub(crate) mod room;

use crate::poller::Poller;
use admission::ReserveDescriptor;
use ck_protocol::SessionId;
use connection::Connection;
use deferred_close::DeferredClose;
use limits::Limits;
use listener::Listener;
use rates::Rates;
use std::{collections::HashMap, time::Instant};

/// The sockets and connections.
#[derive(Debug)]
pub(crate) struct Net {
    /// epoll set for admin.sock, nested in the broker's.
    pub(crate) admin_poller: Poller,
    /// session.sock.
    pub(crate) modules: Listener,
    /// admin.sock.
    pub(crate) admin: Listener,
    /// Set while accepting would only fail.
    pub(crate) accept_again: Option<Instant>,
    /// True while nobody is accepted at admin.sock, because many connections wait for the deferred close.
    pub(crate) admin_closed: bool,
    pub(crate) deferred_close: DeferredClose,
    pub(crate) reserve: ReserveDescriptor,
    /// How many descriptors can be open.
    pub(crate) descriptors: usize,
    pub(crate) limits: Limits,
    pub(crate) rates: Rates,
    pub(crate) connections: HashMap<u64, Connection>,
    pub(crate) next_connection: u64,
    /// Sessions whose module did not wait until all hooks had run.
    pub(crate) given_up: Vec<SessionId>,
}

impl Net {
    /// The two sockets, without a connection, where `descriptors` can be open and so many `hooks` run at once.
    pub(crate) fn new(
        modules: Listener,
        admin: Listener,
        descriptors: usize,
        hooks: usize,
    ) -> nix::Result<Self> {
        Ok(Self {
            admin_poller: Poller::new()?,
            accept_again: None,
            admin_closed: false,
            deferred_close: DeferredClose::new(!admin.refuses_descriptors),
            reserve: ReserveDescriptor::take(),
            modules,
            admin,
            descriptors,
            limits: Limits::within(descriptors, hooks),
            rates: Rates::default(),
            connections: HashMap::new(),
            next_connection: 0,
            given_up: Vec::new(),
        })
    }
}
