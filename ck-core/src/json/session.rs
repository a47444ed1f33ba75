//! A session. The names of its members are a contract: docs/JSON.md.

use super::{Object, Value};
use ck_protocol::Session;
use serde::{Serialize, Serializer};

/// The members of a session, in the order in which they are written. An absent value is `null`.
#[derive(Clone, Debug)]
pub struct Members<'s>(Vec<(&'static str, Value<'s>)>);

/// The members of `session`, for hooks and for `ckctl`.
#[must_use]
pub fn session(session: &Session) -> Members<'_> {
    Members(vec![
        ("id", session.id.into()),
        ("parent", session.parent.into()),
        ("uid", session.uid.into()),
        ("user", (&session.user).into()),
        ("leader_pid", session.leader_pid.into()),
        ("service", (&session.service).into()),
        ("class", session.class.into()),
        ("type", session.session_type.into()),
        ("tty", session.tty.as_ref().into()),
        ("remote", session.remote.into()),
        ("remote_host", session.remote_host.as_ref().into()),
        ("remote_user", session.remote_user.as_ref().into()),
        ("display", session.display.as_ref().into()),
        ("seat", session.seat.as_ref().into()),
        ("vt", session.vt.into()),
        ("state", session.state.into()),
        ("opened_at", session.opened_at.into()),
        ("runtime_dir", session.runtime_dir.as_ref().into()),
        ("audit_id", session.audit_id.map(|id| u64::from(id.get())).into()),
        ("login_uid", session.login_uid.into()),
    ])
}

impl Members<'_> {
    /// The members as an object in one line, without a line feed.
    #[must_use]
    pub fn to_json(&self) -> String {
        let object = Object::default();
        self.0.iter().fold(object, |object, (name, value)| object.member(name, value.clone())).finish()
    }
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
