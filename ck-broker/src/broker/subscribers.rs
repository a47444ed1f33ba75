//! Changes: every one passes [`Broker::announce`]. And the connections of those who subscribe to them.

use super::Broker;
use crate::net::connection::Sent;
use ck_core::policy::Action;
use ck_protocol::{Event, RefusalCode, Reply, Session, State};

/// How many packets a subscriber is sent before others have their turn.
const PACKETS_AT_ONCE: usize = 16;
/// How many subscribers are sent some before logins have their turn.
const SUBSCRIBERS_AT_ONCE: usize = 4;

impl Broker {
    /// Tells the log, the history, subscribers and hooks that something has changed.
    pub(super) fn announce(&mut self, event: Event) {
        log::info!("{event}");
        if let Event::UserRemoved { uid, .. } = &event {
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
    pub(super) fn subscribe(&mut self, key: u64) {
        let Some(version) = self.net.subscribe(key) else {
            self.net.send(key, &Reply::refused(RefusalCode::Busy, "too many subscribers: end some"));
            return;
        };
        self.subscriptions.add(key, version);
        self.tell(key);
    }

    /// Tells a few subscribers what they have not been told, if they keep up. The others are told when they
    /// have room.
    pub(super) fn tell_subscribers(&mut self) {
        for _ in 0..SUBSCRIBERS_AT_ONCE {
            let Some(key) = self.subscriptions.next_due() else { return };
            self.tell(key);
        }
    }

    /// Tells a subscriber what it has not been told, as far as there is room.
    pub(super) fn tell(&mut self, key: u64) {
        let Some(is_blocked) = self.tell_some(key) else { return self.net.close(key) };
        if self.subscriptions.end_turn(key, is_blocked) {
            self.net.watch_subscriber(key, is_blocked);
        }
    }

    /// Sends a subscriber some of what there is. Returns whether there may be more, or `None` for one that
    /// is gone.
    fn tell_some(&mut self, key: u64) -> Option<bool> {
        let (registry, requester) = (&self.sessions.registry, self.net.requester(key));
        let sees = |session: &Session| requester.may(Action::See, Some(session.uid));
        let session_from = |id| {
            // A session that is still being opened is told of when it is open.
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
            match self.net.send_change(key, &offer.packet) {
                Sent::Yes => self.subscriptions.sent(key, &offer),
                Sent::Full => return Some(true),
                Sent::Gone => return None,
            }
        }
        Some(true)
    }
}
