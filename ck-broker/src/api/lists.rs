//! Lists, packet by packet. Only the position in a list is kept, so what has changed meanwhile is sent as it is then.

use super::Api;
use crate::net::connection::PendingReply;
use ck_core::model::SessionRecord;
use ck_protocol::{Fact, Reply, Session, SessionId, TeardownId, Uid};
use std::rc::Rc;

impl Api<'_> {
    /// The next packet of a list, and what then remains of it. Only what the peer may see is in it.
    pub(crate) fn next_of(&self, list: &PendingReply) -> (Reply, PendingReply) {
        let next = match list {
            &PendingReply::Sessions(from) => self.next_session(from),
            &PendingReply::Teardowns(from) => self.next_teardown(from),
            &PendingReply::TeardownDetails(from) => self.next_teardown_detail(from),
            &PendingReply::Problems(from) => self.next_problem(from),
            &PendingReply::Users(from) => from.and_then(|from| self.next_user(from)),
            &PendingReply::Seats(from) => self.next_seat(from),
            &PendingReply::Lingerers(after) => self.next_lingerer(after),
            PendingReply::Facts(facts, from) => next_fact(facts, *from),
            PendingReply::Empty | PendingReply::Packet(_) | PendingReply::Changes => None,
        };
        next.unwrap_or((Reply::End, PendingReply::Empty))
    }

    fn next_session(&self, from: SessionId) -> Option<(Reply, PendingReply)> {
        let visible = |record: &&SessionRecord| self.sees(record.session.uid);
        let SessionRecord { session, .. } = self.sessions.registry.from(from).find(visible)?;
        let reply = Reply::Session(Box::new(session.clone()));
        Some((reply, PendingReply::Sessions(session.id.next())))
    }

    fn next_teardown(&self, from: TeardownId) -> Option<(Reply, PendingReply)> {
        let mut teardowns = self.directories.teardowns.from(from);
        let (id, job) = teardowns.find(|(_, job)| self.sees(job.uid()))?;
        let teardown = self.directories.teardowns.shown(id, job);
        Some((Reply::Teardown(Box::new(teardown)), PendingReply::Teardowns(id.next())))
    }

    fn next_teardown_detail(&self, from: TeardownId) -> Option<(Reply, PendingReply)> {
        let mut teardowns = self.directories.teardowns.from(from);
        let (id, job) = teardowns.find(|(_, job)| self.sees(job.uid()))?;
        let detail = self.directories.teardowns.detail(id, job);
        Some((Reply::TeardownDetail(Box::new(detail)), PendingReply::TeardownDetails(id.next())))
    }

    fn next_problem(&self, from: usize) -> Option<(Reply, PendingReply)> {
        let problem = self.problems().into_iter().nth(from)?;
        Some((Reply::Problem(problem), PendingReply::Problems(from + 1)))
    }

    fn next_lingerer(&self, mut after: Option<Uid>) -> Option<(Reply, PendingReply)> {
        loop {
            let user = self.sessions.registry.next_lingerer(after)?;
            after = Some(user.uid);
            if self.sees(user.uid) {
                return Some((Reply::User(Box::new(user)), PendingReply::Lingerers(after)));
            }
        }
    }

    fn next_seat(&self, from: usize) -> Option<(Reply, PendingReply)> {
        let visible = |session: &Session| self.sees(session.uid);
        let seat = self.sessions.registry.shown_seats(visible).nth(from)?;
        Some((Reply::Seat(Box::new(seat)), PendingReply::Seats(from + 1)))
    }

    fn next_user(&self, from: Uid) -> Option<(Reply, PendingReply)> {
        let mut users = self.sessions.registry.users_from(from);
        let user = users.find(|user| self.sees(user.uid))?;
        let rest = Uid::try_from(user.uid.get().saturating_add(1)).ok();
        Some((Reply::User(Box::new(user)), PendingReply::Users(rest)))
    }
}

fn next_fact(facts: &Rc<[Fact]>, from: usize) -> Option<(Reply, PendingReply)> {
    let fact = facts.get(from)?.clone();
    Some((Reply::Fact(fact), PendingReply::Facts(Rc::clone(facts), from + 1)))
}
