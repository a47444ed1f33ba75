//! Version 1, where it differs from the current version. These types never change.
//!
//! In version 1 events have no names of users, and nobody is told how a session ended, how many programs have heard of a
//! request to lock it, or which session of the audit it is.

use crate::{
    Fact, Message, Opened, Refusal, Seat, SessionId, SessionWithoutAudit, ShortName, Status, Teardown,
    TeardownDetail, Uid, User,
};
use serde::{Deserialize, Serialize};

/// [`crate::Reply`] in version 1.
#[derive(Serialize, Deserialize)]
pub(crate) enum Reply {
    Opened(Opened),
    Closed,
    Session(Box<SessionWithoutAudit>),
    Status(Status),
    End,
    Refused(Refusal),
    Teardown(Box<Teardown>),
    Retrying(u64),
    User(Box<User>),
    Seat(Box<Seat>),
    Done(u64),
    Synced(u64),
    Change(Box<Change>),
    Lost(u64),
    TeardownDetail(Box<TeardownDetail>),
    Problem(Message),
    Fact(Fact),
}

/// [`crate::Change`] in version 1.
#[derive(Serialize, Deserialize)]
pub(crate) struct Change {
    sequence: u64,
    event: Event,
}

/// [`crate::Event`] in version 1.
#[derive(Serialize, Deserialize)]
pub(crate) enum Event {
    UserAdded(Uid),
    SessionAdded(Box<SessionWithoutAudit>),
    SessionRemoved { id: SessionId, uid: Uid },
    UserRemoved(Uid),
    TeardownFinished(Uid),
    TeardownFailed(Uid),
    SessionChanged(Box<SessionWithoutAudit>),
    SeatChanged { seat: ShortName, active: Option<SessionId>, before: Option<SessionId> },
    LockRequested { id: SessionId, uid: Uid },
    UnlockRequested { id: SessionId, uid: Uid },
}

fn converted<T: From<U>, U>(session: U) -> Box<T> {
    Box::new(session.into())
}

impl From<&crate::Reply> for Reply {
    fn from(reply: &crate::Reply) -> Self {
        use crate::Reply as Now;
        match reply.clone() {
            Now::Opened(opened) => Self::Opened(opened),
            Now::Closed => Self::Closed,
            Now::Session(session) => Self::Session(converted(*session)),
            Now::Status(status) => Self::Status(status),
            Now::End => Self::End,
            Now::Refused(refusal) => Self::Refused(refusal),
            Now::Teardown(teardown) => Self::Teardown(teardown),
            Now::Retrying(count) => Self::Retrying(count),
            Now::User(user) => Self::User(user),
            Now::Seat(seat) => Self::Seat(seat),
            Now::Done(count) => Self::Done(count),
            Now::Synced(next) => Self::Synced(next),
            Now::Change(change) => {
                let crate::Change { sequence, event } = *change;
                Self::Change(Box::new(Change { sequence, event: event.into() }))
            }
            Now::Lost(count) => Self::Lost(count),
            Now::TeardownDetail(detail) => Self::TeardownDetail(detail),
            Now::Problem(problem) => Self::Problem(problem),
            Now::Fact(fact) => Self::Fact(fact),
            // The request concerned one session.
            Now::Told(_) => Self::Done(1),
        }
    }
}

impl From<Reply> for crate::Reply {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Opened(opened) => Self::Opened(opened),
            Reply::Closed => Self::Closed,
            Reply::Session(session) => Self::Session(converted(*session)),
            Reply::Status(status) => Self::Status(status),
            Reply::End => Self::End,
            Reply::Refused(refusal) => Self::Refused(refusal),
            Reply::Teardown(teardown) => Self::Teardown(teardown),
            Reply::Retrying(count) => Self::Retrying(count),
            Reply::User(user) => Self::User(user),
            Reply::Seat(seat) => Self::Seat(seat),
            Reply::Done(count) => Self::Done(count),
            Reply::Synced(next) => Self::Synced(next),
            Reply::Change(change) => {
                let Change { sequence, event } = *change;
                Self::Change(Box::new(crate::Change { sequence, event: event.into() }))
            }
            Reply::Lost(count) => Self::Lost(count),
            Reply::TeardownDetail(detail) => Self::TeardownDetail(detail),
            Reply::Problem(problem) => Self::Problem(problem),
            Reply::Fact(fact) => Self::Fact(fact),
        }
    }
}

impl From<crate::Event> for Event {
    fn from(event: crate::Event) -> Self {
        use crate::Event as Now;
        match event {
            Now::UserAdded { uid, .. } => Self::UserAdded(uid),
            Now::SessionAdded(session) => Self::SessionAdded(converted(*session)),
            Now::SessionRemoved { id, uid, .. } => Self::SessionRemoved { id, uid },
            Now::UserRemoved { uid, .. } => Self::UserRemoved(uid),
            Now::TeardownFinished(uid) => Self::TeardownFinished(uid),
            Now::TeardownFailed(uid) => Self::TeardownFailed(uid),
            Now::SessionChanged(session) => Self::SessionChanged(converted(*session)),
            Now::SeatChanged { seat, active, before } => Self::SeatChanged { seat, active, before },
            Now::LockRequested { id, uid, .. } => Self::LockRequested { id, uid },
            Now::UnlockRequested { id, uid, .. } => Self::UnlockRequested { id, uid },
        }
    }
}

impl From<Event> for crate::Event {
    fn from(event: Event) -> Self {
        match event {
            Event::UserAdded(uid) => Self::UserAdded { uid, user: None },
            Event::SessionAdded(session) => Self::SessionAdded(converted(*session)),
            Event::SessionRemoved { id, uid } => Self::SessionRemoved { id, uid, end: None },
            Event::UserRemoved(uid) => Self::UserRemoved { uid, user: None },
            Event::TeardownFinished(uid) => Self::TeardownFinished(uid),
            Event::TeardownFailed(uid) => Self::TeardownFailed(uid),
            Event::SessionChanged(session) => Self::SessionChanged(converted(*session)),
            Event::SeatChanged { seat, active, before } => Self::SeatChanged { seat, active, before },
            Event::LockRequested { id, uid } => Self::LockRequested { id, uid, user: None },
            Event::UnlockRequested { id, uid } => Self::UnlockRequested { id, uid, user: None },
        }
    }
}
