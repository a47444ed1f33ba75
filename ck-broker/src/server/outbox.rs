//! Sending, to peers that read as slowly as they like.

use super::{
    Server,
    connection::{Outbox, Sent},
};
use ck_core::{
    model::SessionRecord,
    policy::{Action, Requester},
};
use ck_protocol::{Fact, Reply, Session, SessionId, TeardownId, Uid, limits};
use std::{rc::Rc, time::Instant};

/// How many packets of a list are sent before others have their turn.
const AT_ONCE: usize = 64;

impl Server {
    /// Sends a reply now, or as soon as there is room for it.
    pub(super) fn send(&mut self, key: u64, reply: &Reply) -> Sent {
        let Some(connection) = self.connections.get_mut(&key) else { return Sent::Gone };
        let mut buffer = [0; limits::REPLY];
        let sent = match connection.encode(reply, &mut buffer) {
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
        let requester = self.requester(key);
        let mut buffer = [0; limits::REPLY];
        for _ in 0..AT_ONCE {
            let (reply, rest) = self.next_of(&list, &requester);
            match connection.send(connection.encode(&reply, &mut buffer).ok()?) {
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

    /// The next packet of a list, and what then remains of it. Only what the peer may see is in it.
    fn next_of(&self, list: &Outbox, requester: &Requester) -> (Reply, Outbox) {
        let next = match list {
            &Outbox::Sessions(from) => self.next_session(from, requester),
            &Outbox::Teardowns(from) => self.next_teardown(from, requester),
            &Outbox::TeardownDetails(from) => self.next_teardown_detail(from, requester),
            &Outbox::Problems(from) => self.next_problem(from, requester),
            &Outbox::Users(from) => from.and_then(|from| self.next_user(from, requester)),
            &Outbox::Seats(from) => self.next_seat(from, requester),
            &Outbox::Lingerers(after) => self.next_lingerer(after, requester),
            Outbox::Facts(facts, from) => next_fact(facts, *from),
            Outbox::Empty | Outbox::Packet(_) | Outbox::Changes => None,
        };
        next.unwrap_or((Reply::End, Outbox::Empty))
    }

    fn next_session(&self, from: SessionId, requester: &Requester) -> Option<(Reply, Outbox)> {
        let visible = |record: &&SessionRecord| requester.may(Action::See, Some(record.session.uid));
        let SessionRecord { session, .. } = self.sessions.registry.from(from).find(visible)?;
        let reply = Reply::Session(Box::new(session.clone()));
        Some((reply, Outbox::Sessions(session.id.next())))
    }

    fn next_teardown(&self, from: TeardownId, requester: &Requester) -> Option<(Reply, Outbox)> {
        let (id, job) = self
            .directories
            .teardowns
            .from(from)
            .find(|(_, job)| requester.may(Action::See, Some(job.uid())))?;
        let teardown = self.directories.teardowns.shown(id, job);
        Some((Reply::Teardown(Box::new(teardown)), Outbox::Teardowns(id.next())))
    }

    fn next_teardown_detail(&self, from: TeardownId, requester: &Requester) -> Option<(Reply, Outbox)> {
        let (id, job) = self
            .directories
            .teardowns
            .from(from)
            .find(|(_, job)| requester.may(Action::See, Some(job.uid())))?;
        let detail = self.directories.teardowns.detail(id, job);
        Some((Reply::TeardownDetail(Box::new(detail)), Outbox::TeardownDetails(id.next())))
    }

    fn next_problem(&self, from: usize, requester: &Requester) -> Option<(Reply, Outbox)> {
        let problem = self.problems(requester).into_iter().nth(from)?;
        Some((Reply::Problem(problem), Outbox::Problems(from + 1)))
    }

    fn next_lingerer(&self, mut after: Option<Uid>, requester: &Requester) -> Option<(Reply, Outbox)> {
        loop {
            let user = self.sessions.registry.next_lingerer(after)?;
            after = Some(user.uid);
            if requester.may(Action::See, after) {
                return Some((Reply::User(Box::new(user)), Outbox::Lingerers(after)));
            }
        }
    }

    fn next_seat(&self, from: usize, requester: &Requester) -> Option<(Reply, Outbox)> {
        let visible = |session: &Session| requester.may(Action::See, Some(session.uid));
        let seat = self.sessions.registry.shown_seats(visible).nth(from)?;
        Some((Reply::Seat(Box::new(seat)), Outbox::Seats(from + 1)))
    }

    fn next_user(&self, from: Uid, requester: &Requester) -> Option<(Reply, Outbox)> {
        let mut users = self.sessions.registry.users_from(from);
        let user = users.find(|user| requester.may(Action::See, Some(user.uid)))?;
        let rest = Uid::try_from(user.uid.get().saturating_add(1)).ok();
        Some((Reply::User(Box::new(user)), Outbox::Users(rest)))
    }
}

fn next_fact(facts: &Rc<[Fact]>, from: usize) -> Option<(Reply, Outbox)> {
    let fact = facts.get(from)?.clone();
    Some((Reply::Fact(fact), Outbox::Facts(Rc::clone(facts), from + 1)))
}
