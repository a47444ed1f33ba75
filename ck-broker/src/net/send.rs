//! Sending, to peers that read as slowly as they like.

use super::{
    Net,
    connection::{Awaited, PendingReply, Sent},
};
use crate::poller::Token;
use ck_protocol::{Reply, limits};
use nix::sys::epoll::EpollFlags;
use std::{mem, time::Instant};

/// How many packets of a list are sent before others have their turn.
const PACKETS_AT_ONCE: usize = 64;

impl Net {
    /// Sends a reply now, or as soon as there is room for it.
    pub(crate) fn send(&mut self, key: u64, reply: &Reply) -> Sent {
        let Some(connection) = self.connections.get_mut(&key) else { return Sent::Gone };
        if let Reply::Refused(refusal) = reply {
            self.refused.add(connection.endpoint, refusal.code);
        }
        connection.awaits = Awaited::Nothing;
        let mut buffer = [0; limits::REPLY];
        let sent = match connection.encode(reply, &mut buffer) {
            Ok(packet) => {
                let sent = connection.send(packet);
                if sent == Sent::Full {
                    connection.pending = PendingReply::Packet(packet.to_vec());
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
            Sent::Gone => self.close(key),
        }
        sent
    }

    /// Sends the packet that found no room before.
    pub(super) fn send_rest(&mut self, key: u64, now: Instant) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.moved(now);
        if let PendingReply::Packet(packet) = mem::replace(&mut connection.pending, PendingReply::Empty) {
            match connection.send(&packet) {
                Sent::Yes => {}
                Sent::Full => connection.pending = PendingReply::Packet(packet),
                Sent::Gone => return self.close(key),
            }
        }
        self.rearm(key);
    }

    /// From now on the peer is sent this list.
    pub(crate) fn start_list(&mut self, key: u64, list: PendingReply) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.pending = list;
        }
    }

    /// Sends as much of the list as there is room for. `next` has the next packet of a list, and what then remains of it.
    pub(crate) fn send_list(
        &mut self,
        key: u64,
        now: Instant,
        mut next: impl FnMut(&PendingReply) -> (Reply, PendingReply),
    ) {
        let Some(connection) = self.connections.get_mut(&key) else { return };
        connection.moved(now);
        let mut list = mem::replace(&mut connection.pending, PendingReply::Empty);
        let mut buffer = [0; limits::REPLY];
        for _ in 0..PACKETS_AT_ONCE {
            let (reply, rest) = next(&list);
            let packet = connection.encode(&reply, &mut buffer);
            match packet.map_or(Sent::Gone, |packet| connection.send(packet)) {
                Sent::Yes => list = rest,
                Sent::Full => break,
                Sent::Gone => return self.close(key),
            }
            if matches!(list, PendingReply::Empty) {
                break;
            }
        }
        connection.pending = list;
        self.rearm(key);
    }

    /// Sends a subscriber a packet, if there is room.
    pub(crate) fn send_change(&self, key: u64, packet: &[u8]) -> Sent {
        self.connections.get(&key).map_or(Sent::Gone, |connection| connection.send(packet))
    }

    /// Watches the connection of a subscriber: also for room, if the subscriber is `blocked`.
    pub(crate) fn watch_subscriber(&self, key: u64, blocked: bool) {
        let Some(connection) = self.connections.get(&key) else { return };
        let flags = if blocked { EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        let poller = self.poller_of(connection.endpoint);
        if let Err(errno) = poller.watch(connection, Token::Connection(key), flags) {
            log::error!("cannot watch a connection: {errno}");
        }
    }
}
