//! From a packet to a request.

use super::{Net, accept::TOO_OFTEN, connection::PendingReply};
use crate::{
    component::{Outcome, Request},
    poller::Endpoint,
};
use ck_protocol::{DecodeError, RefusalCode, Reply, limits};
use std::time::Instant;

/// The reply to a packet that is no frame of this protocol.
pub(super) fn complaint(error: &DecodeError) -> Reply {
    let code = match error {
        DecodeError::Version { .. } => RefusalCode::Version,
        _ => RefusalCode::Malformed,
    };
    Reply::refused(code, &error.to_string())
}

impl Net {
    /// A connection has a packet, or room for one.
    pub(super) fn serve(&mut self, key: u64, now: Instant) -> Option<Outcome> {
        match self.connections.get(&key)?.pending {
            PendingReply::Empty => self.receive(key, now),
            PendingReply::Changes => {
                (!self.dismiss_subscriber(key)).then_some(Outcome::SubscriberHasRoom(key))
            }
            PendingReply::Packet(_) => {
                self.send_rest(key, now);
                None
            }
            _ => Some(Outcome::ListHasRoom(key)),
        }
    }

    /// Takes a request. A connection whose peer is gone, asks too often, or speaks another language, is closed.
    pub(super) fn receive(&mut self, key: u64, now: Instant) -> Option<Outcome> {
        let connection = self.connections.get_mut(&key)?;
        let (endpoint, uid) = (connection.endpoint, connection.peer.uid);
        if endpoint == Endpoint::Admin && self.deferred_close.needed && connection.brings_descriptors() {
            self.close(key);
            return None;
        }
        let mut buffer = [0; limits::REQUEST + 1];
        let packet = match connection.receive(&mut buffer) {
            Ok(None) => return None,
            // The peer is done; a zero-length packet looks the same and ends it as well.
            Ok(Some([])) | Err(_) => {
                self.close(key);
                return None;
            }
            Ok(Some(packet)) => packet,
        };
        connection.moved(now);
        connection.asked = now;
        if endpoint == Endpoint::Admin && !self.rates.take(uid, now) {
            self.refuse(key, &Reply::refused(RefusalCode::Busy, TOO_OFTEN));
            return None;
        }
        let request = match endpoint {
            Endpoint::Session => connection.decode(packet).map(Request::Module),
            Endpoint::Admin => connection.decode(packet).map(Request::Admin),
        };
        match request {
            Ok(request) => Some(Outcome::Request(key, request)),
            Err(error) => {
                self.refuse(key, &complaint(&error));
                None
            }
        }
    }

    /// Closes the connection of a subscriber that has hung up, or that says something. False: neither.
    fn dismiss_subscriber(&mut self, key: u64) -> bool {
        let Some(connection) = self.connections.get_mut(&key) else { return true };
        if !(self.deferred_close.needed && connection.brings_descriptors()) {
            match connection.receive(&mut [0; limits::REQUEST + 1]) {
                Ok(None) => return false,
                Ok(Some([])) | Err(_) => {}
                Ok(Some(_)) => {
                    let message = "a subscriber can only listen: ask by another connection";
                    self.refuse(key, &Reply::refused(RefusalCode::Invalid, message));
                    return true;
                }
            }
        }
        self.close(key);
        true
    }

    /// Sends a last reply, if there is room for it, and closes the connection.
    fn refuse(&mut self, key: u64, reply: &Reply) {
        self.send(key, reply);
        self.close(key);
    }
}
