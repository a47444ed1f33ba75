//! The interface that the components of the broker have in common.

use crate::{config::Settings, poller::Token};
use ck_core::registry::Input;
use ck_protocol::{Event, Reply, SessionId};
use std::time::Instant;

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
}

/// A part of the broker that owns its descriptors, children, deadlines and settings.
pub(crate) trait Component {
    /// Handles an event of one of its sources.
    fn ready(&mut self, token: Token, now: Instant) -> Vec<Outcome>;

    /// The time at which [`Component::expire`] has to be called, if nothing happens before.
    fn next_deadline(&self, now: Instant) -> Option<Instant>;

    /// Does what is due at `now`.
    fn expire(&mut self, now: Instant) -> Vec<Outcome>;

    /// Takes over what the settings say now.
    fn reconfigure(&mut self, settings: &Settings);
}
