//! Sending, to peers that read as slowly as they like.

use super::{
    Server,
    connection::{Outbox, Sent},
};
use crate::{console, registry::Entry};
use ck_protocol::{Reply, Vt, encode, limits};
use std::time::Instant;

/// How many packets of a list are sent before others have their turn.
const AT_ONCE: usize = 64;

impl Server {
    /// Sends a reply now, or as soon as there is room for it.
    pub(super) fn send(&mut self, key: u64, reply: &Reply) -> Sent {
        let Some(connection) = self.connections.get_mut(&key) else { return Sent::Gone };
        let mut buffer = [0; limits::REPLY];
        let sent = match encode(reply, &mut buffer) {
            Ok(packet) => {
                let sent = connection.send(packet);
                if sent == Sent::Full {
                    connection.outbox = Outbox::Packet(packet.to_vec());
                }
                sent
            }
            Err(error) => {
                log::error!("{error}");
                Sent::Gone
            }
        };
        match sent {
            Sent::Yes => {}
            Sent::Full => self.rearm(key),
            Sent::Gone => self.drop_connection(key),
        }
        sent
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn send_waiting(&mut self, key: u64) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.moved(Instant::now());
        match std::mem::replace(&mut connection.outbox, Outbox::Empty) {
            Outbox::Empty => {}
            Outbox::Packet(packet) => match connection.send(&packet) {
                Sent::Yes => {}
                Sent::Full => connection.outbox = Outbox::Packet(packet),
                Sent::Gone => return self.drop_connection(key),
            },
            list => match self.send_list(key, list) {
                None => return self.drop_connection(key),
                Some(rest) => {
                    if let Some(connection) = self.connections.get_mut(&key) {
                        connection.outbox = rest;
                    }
                }
            },
        }
        self.rearm(key);
    }

    /// Sends as much of a list as there is room for; returns what then waits, or `None` for a peer
    /// that is gone.
    fn send_list(&self, key: u64, mut list: Outbox) -> Option<Outbox> {
        let connection = self.connections.get(&key)?;
        let foreground = console::foreground();
        let mut buffer = [0; limits::REPLY];
        for _ in 0..AT_ONCE {
            let (reply, rest) = self.next_of(&list, foreground);
            match connection.send(encode(&reply, &mut buffer).ok()?) {
                Sent::Yes => list = rest,
                Sent::Full => break,
                Sent::Gone => return None,
            }
            if matches!(list, Outbox::Empty) {
                break;
            }
        }
        Some(list)
    }

    /// The next packet of a list, and what then remains of it.
    fn next_of(&self, list: &Outbox, foreground: Option<Vt>) -> (Reply, Outbox) {
        match *list {
            Outbox::Sessions(from) => {
                if let Some(Entry { session, .. }) = self.registry.from(from).next() {
                    let reply = Reply::Session(Box::new(console::seen(session, foreground)));
                    return (reply, Outbox::Sessions(session.id.next()));
                }
            }
            Outbox::Teardowns(from) => {
                if let Some((id, job)) = self.jobs.from(from).next() {
                    return (Reply::Teardown(Box::new(job.shown(id))), Outbox::Teardowns(id.next()));
                }
            }
            Outbox::Lingerers(after) => {
                if let Some((uid, lingerer)) = self.registry.next_lingerer(after) {
                    let user = self.lingerer_seen(uid, lingerer, foreground);
                    return (Reply::User(Box::new(user)), Outbox::Lingerers(Some(uid)));
                }
            }
            Outbox::Empty | Outbox::Packet(_) | Outbox::Changes => {}
        }
        (Reply::End, Outbox::Empty)
    }
}
