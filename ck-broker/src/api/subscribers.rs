//! Telling of changes: the one place that all of them pass, and the connections of those who listen.

use crate::{
    api,
    broker::Broker,
    net::connection::{Connection, PendingReply, Sent},
    poller::Token,
};
use ck_core::policy::Action;
use ck_protocol::{Event, RefusalCode, Session, State, limits};
use nix::sys::epoll::EpollFlags;

/// How many packets a subscriber is sent before others have their turn.
const PACKETS_AT_ONCE: usize = 16;
/// How many subscribers are sent some before logins have their turn.
const SUBSCRIBERS_AT_ONCE: usize = 4;

impl Broker {
    /// Says that something has changed: to the log, the history, whoever listens, and hooks.
    pub(crate) fn announce(&mut self, event: Event) {
        log::info!("{event}");
        if let Event::UserRemoved(uid) = &event {
            self.directories.forget_lacking(*uid);
        }
        if let Event::SessionAdded(session) = &event {
            self.history.opened(session);
        }
        let registry = &self.sessions.registry;
        let owner_of = |id| registry.get(id).map(|record| record.session.uid);
        if let Err(error) = self.subscriptions.publish(&event, owner_of) {
            log::error!("{error}");
        }
        self.hooks
            .push_change(event, |id| self.sessions.registry.get(id).map(|record| record.session.clone()));
    }

    /// From now on the peer is told of every change.
    pub(crate) fn subscribe(&mut self, key: u64) {
        let Some(connection) = self.net.connections.get(&key) else { return };
        let (uid, circle) = (connection.peer.uid, connection.circle);
        let is_subscriber = |other: &Connection| matches!(other.pending, PendingReply::Changes);
        if !self.make_room(self.net.limits.subscribers(circle), uid, circle, is_subscriber) {
            self.send(key, &api::refused(RefusalCode::Busy, "too many subscribers: end some"));
            return;
        }
        let Some(connection) = self.net.connections.get_mut(&key) else { return };
        connection.pending = PendingReply::Changes;
        connection.deadline = None;
        let version = connection.version();
        self.subscriptions.add(key, version);
        self.tell(key);
    }

    /// Tells a few subscribers what they have not been told, if they keep up; the others come when they
    /// have room.
    pub(crate) fn tell_subscribers(&mut self) {
        for _ in 0..SUBSCRIBERS_AT_ONCE {
            let Some(key) = self.subscriptions.next_due() else { return };
            self.tell(key);
        }
    }

    /// A subscriber has room, has hung up, or has sent something.
    pub(crate) fn serve_subscriber(&mut self, key: u64) {
        if !self.dismiss(key) {
            self.tell(key);
        }
    }

    /// Ends the connection of a subscriber who has hung up, or who says something. False: neither.
    fn dismiss(&mut self, key: u64) -> bool {
        let Some(connection) = self.net.connections.get_mut(&key) else { return true };
        if !(self.net.deferred_close.needed && connection.brings_descriptors()) {
            match connection.receive(&mut [0; limits::REQUEST + 1]) {
                Ok(None) => return false,
                Ok(Some([])) | Err(_) => {}
                Ok(Some(_)) => {
                    let message = "a subscriber can only listen: ask by another connection";
                    self.send(key, &api::refused(RefusalCode::Invalid, message));
                }
            }
        }
        self.drop_connection(key);
        true
    }

    fn tell(&mut self, key: u64) {
        let Some(blocked) = self.tell_some(key) else { return self.drop_connection(key) };
        if !self.subscriptions.end_turn(key, blocked) {
            return;
        }
        let Some(connection) = self.net.connections.get(&key) else { return };
        let flags = if blocked { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        if let Err(errno) = self.poller(connection.endpoint).watch(connection, Token::Connection(key), flags)
        {
            log::error!("cannot watch a connection: {errno}");
        }
    }

    /// Sends a subscriber some of what there is; says whether there may be more, or `None` for one that
    /// is gone.
    fn tell_some(&mut self, key: u64) -> Option<bool> {
        let (registry, requester) = (&self.sessions.registry, self.requester(key));
        let sees = |session: &Session| requester.may(Action::See, Some(session.uid));
        let session_from = |id| {
            // One that is still being opened is told of when it is open.
            let is_open = |session: &Session| session.state != State::Opening;
            let mut sessions = registry.from(id).map(|record| &record.session);
            sessions.find(|session| is_open(session) && sees(session)).cloned()
        };
        let seat = |number| registry.shown_seats(sees).nth(number);
        for _ in 0..PACKETS_AT_ONCE {
            let offer = match self.subscriptions.offer(key, &requester, session_from, seat) {
                Ok(Some(offer)) => offer,
                Ok(None) => return Some(false),
                Err(error) => {
                    log::error!("{error}");
                    return None;
                }
            };
            match self.net.connections.get(&key)?.send(&offer.packet) {
                Sent::Yes => self.subscriptions.sent(key, &offer),
                Sent::Full => return Some(true),
                Sent::Gone => return None,
            }
        }
        Some(true)
    }
}
