//! A session without the ids of the audit. This type never changes: version 1 of the protocol has it, and so have the stored
//! records that releases before version 2 have written.

use crate::{
    Class, HostName, PathText, Pid, Session, SessionId, SessionType, ShortName, State, Timestamp, Uid,
    UserName, Vt,
};
use serde::{Deserialize, Serialize};

/// [`Session`] without the ids of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of Session")]
pub struct SessionWithoutAudit {
    pub id: SessionId,
    pub parent: Option<SessionId>,
    pub uid: Uid,
    pub user: UserName,
    pub leader_pid: Pid,
    pub service: ShortName,
    pub class: Class,
    pub session_type: SessionType,
    pub tty: Option<ShortName>,
    pub remote: bool,
    pub remote_host: Option<HostName>,
    pub remote_user: Option<UserName>,
    pub display: Option<ShortName>,
    pub seat: Option<ShortName>,
    pub vt: Option<Vt>,
    pub state: State,
    pub opened_at: Timestamp,
    pub runtime_dir: Option<PathText>,
}

impl From<Session> for SessionWithoutAudit {
    fn from(session: Session) -> Self {
        Self {
            id: session.id,
            parent: session.parent,
            uid: session.uid,
            user: session.user,
            leader_pid: session.leader_pid,
            service: session.service,
            class: session.class,
            session_type: session.session_type,
            tty: session.tty,
            remote: session.remote,
            remote_host: session.remote_host,
            remote_user: session.remote_user,
            display: session.display,
            seat: session.seat,
            vt: session.vt,
            state: session.state,
            opened_at: session.opened_at,
            runtime_dir: session.runtime_dir,
        }
    }
}

impl From<SessionWithoutAudit> for Session {
    fn from(session: SessionWithoutAudit) -> Self {
        Self {
            id: session.id,
            parent: session.parent,
            uid: session.uid,
            user: session.user,
            leader_pid: session.leader_pid,
            service: session.service,
            class: session.class,
            session_type: session.session_type,
            tty: session.tty,
            remote: session.remote,
            remote_host: session.remote_host,
            remote_user: session.remote_user,
            display: session.display,
            seat: session.seat,
            vt: session.vt,
            state: session.state,
            opened_at: session.opened_at,
            runtime_dir: session.runtime_dir,
            audit_id: None,
            login_uid: None,
        }
    }
}
