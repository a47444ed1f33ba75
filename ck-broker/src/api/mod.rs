//! What may be asked: from a packet to its answer.
//!
//! - `session`: what modules ask;
//! - `admin`: what people ask, each request authorised once (`authorise`), then carried out;
//! - `lists`: replies, and lists that are sent piece by piece;
//! - `hook_waits`, `linger`, `seats`, `subscribers`, `terminate`, `problems`: single subjects.

mod admin;
mod authorise;
mod hook_waits;
mod linger;
mod lists;
mod problems;
mod seats;
mod session;
mod subscribers;
mod terminate;

use crate::{
    broker::Broker,
    net::connection::{self, PendingReply},
    poller::Endpoint,
};
use ck_protocol::{DecodeError, PROTOCOL, Refusal, RefusalCode, Reply, Text, limits};
use std::{os::fd::BorrowedFd, time::Instant};

/// The answer to whom the admin socket's rate is used up.
pub(crate) const TOO_OFTEN: &str = "too many requests: try again in a second";

/// Says to a peer that is not served why, if it can be said at once. Which versions it speaks is not known yet: it is
/// told in the oldest.
pub(crate) fn turn_away(socket: BorrowedFd<'_>, code: RefusalCode, why: &str) {
    let mut buffer = [0; limits::REPLY];
    if let Ok(packet) = PROTOCOL.oldest().encode(&refused(code, why), &mut buffer) {
        // Its connection is closed next, whether it has heard this or not.
        let _ = connection::send_now(socket, packet);
    }
}

pub(crate) fn refused(code: RefusalCode, message: &str) -> Reply {
    Reply::Refused(refusal(code, message))
}

/// What is said to who sent a packet that is no frame.
pub(crate) fn complaint(error: &DecodeError) -> Reply {
    let code = match error {
        DecodeError::Version { .. } => RefusalCode::Version,
        _ => RefusalCode::Malformed,
    };
    refused(code, &error.to_string())
}

pub(crate) fn refusal(code: RefusalCode, message: &str) -> Refusal {
    Refusal { code, message: Text::clipped(message) }
}

impl Broker {
    /// Something can be done for a connection: send what waits, or take a request.
    pub(crate) fn serve_connection(&mut self, key: u64) {
        let Some(connection) = self.net.connections.get(&key) else { return };
        match connection.pending {
            PendingReply::Empty => self.receive(key),
            PendingReply::Changes => self.serve_subscriber(key),
            _ => self.send_waiting(key),
        }
    }

    fn receive(&mut self, key: u64) {
        let Some(connection) = self.net.connections.get_mut(&key) else { return };
        if connection.endpoint == Endpoint::Admin
            && self.net.deferred_close.needed
            && connection.brings_descriptors()
        {
            return self.drop_connection(key);
        }
        let mut buffer = [0; limits::REQUEST + 1];
        let packet = match connection.receive(&mut buffer) {
            Ok(None) => return,
            // The peer is done; a zero-length packet looks the same and ends it as well.
            Ok(Some([])) | Err(_) => return self.drop_connection(key),
            Ok(Some(packet)) => packet,
        };
        let now = Instant::now();
        connection.moved(now);
        connection.asked = now;
        let (endpoint, uid) = (connection.endpoint, connection.peer.uid);
        if endpoint == Endpoint::Admin && !self.net.rates.take(uid, now) {
            self.send(key, &refused(RefusalCode::Busy, TOO_OFTEN));
            return self.drop_connection(key);
        }
        let answered = match endpoint {
            Endpoint::Session => connection.decode(packet).map(|request| self.answer_module(key, request)),
            Endpoint::Admin => connection.decode(packet).map(|request| self.answer_admin(key, request)),
        };
        if let Err(error) = answered {
            self.protest(key, &error);
        }
    }

    /// A protocol error ends the connection that it came by, and nothing else.
    fn protest(&mut self, key: u64, error: &DecodeError) {
        self.send(key, &complaint(error));
        self.drop_connection(key);
    }
}
