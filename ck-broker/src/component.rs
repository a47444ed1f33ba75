//! The interface that the components of the broker have in common.

use crate::{config::Settings, limits::Limits, poller::Token};
use ck_core::registry::Input;
use ck_protocol::{AdminRequest, Event, Reply, SessionId, SessionRequest};
use std::time::Instant;

/// A request, by the socket that it came by.
#[derive(Debug)]
pub(crate) enum Request {
    /// By `session.sock`.
    Module(SessionRequest),
    /// By `admin.sock`.
    Admin(AdminRequest),
}

/// What a component returns to the broker. No component calls another one.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The registry has to know something.
    Input(Input),
    /// A session ended earlier, while no broker watched it.
    EndedUnseen(SessionId),
    /// Something has changed. The log, the history, subscribers and hooks are told.
    Announce(Event),
    /// The peer of this connection gets this reply.
    Reply(u64, Reply),
    /// All hooks for the opening of this session have run.
    HooksDone(SessionId),
    /// This connection to `admin.sock` waits to be admitted.
    Newcomer(u64),
    /// The peer of this connection asks for something.
    Request(u64, Request),
    /// This connection has room for more of its list.
    ListHasRoom(u64),
    /// The connection of this subscriber has room.
    SubscriberHasRoom(u64),
    /// The connection of this subscriber is closed.
    SubscriberGone(u64),
    /// The files of this session are written, or are not waited for any longer.
    Published(SessionId),
    /// All files of sessions and users have to be written.
    PublishAll,
    /// There is room for more orders to the publisher.
    PublisherHasRoom,
    /// The module that opened this session has not waited for its hooks.
    GaveUp(SessionId),
}

/// A part of the broker that owns its descriptors, children, deadlines and settings.
pub(crate) trait Component {
    /// Handles an event of one of its sources.
    fn ready(&mut self, token: Token, now: Instant) -> Vec<Outcome>;

    /// The time at which [`Component::expire`] has to be called, if nothing happens before.
    fn next_deadline(&self, now: Instant) -> Option<Instant>;

    /// Does what is due at `now`.
    fn expire(&mut self, now: Instant) -> Vec<Outcome>;

    /// Takes over what the settings say now, and the limits that follow from them.
    fn reconfigure(&mut self, settings: &Settings, limits: &Limits);
}
