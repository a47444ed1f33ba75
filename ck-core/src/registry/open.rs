//! Opening a session: from the login to the reply.

use super::{Effect, Registry};
use crate::model::{AuditIds, Full, HookEvent, Login, NestedLogin, RuntimeDir, SessionRecord};
use ck_protocol::{Event, Gid, Opened, PathText, RefusalCode, Reply, Session, SessionId, State, Uid};

impl Registry {
    /// Opens a session for the login, unless it is part of another session or over a limit.
    pub(super) fn open(&mut self, login: &Login) -> Vec<Effect> {
        let uid = login.open.uid;
        if let Some(record) = self.tokens.get(&login.open.token).and_then(|&id| self.slots.get(id)) {
            return self.answer_again(record, uid);
        }
        let parent = self.parent(login);
        if let Some(outer) = parent.filter(|parent| self.is_part_of(parent, login)) {
            return vec![Effect::Join(opened(outer))];
        }
        if let Some(message) = self.over_limit(uid) {
            return vec![Effect::Reply(Reply::refused(RefusalCode::Busy, &message))];
        }
        let id = self.next;
        let mut session = login.session(id, parent, &self.services);
        self.seats.place(&mut session);
        let record = SessionRecord {
            session,
            token: login.open.token,
            leader_started: login.leader.started,
            leader_inode: login.leader.inode,
        };
        self.next = id.next();
        let mut effects = self.other_account(uid, &login.open.user);
        if !self.users.contains_key(&uid) {
            let user = Some(login.open.user.clone());
            effects.push(Effect::Announce(Event::UserAdded { uid, user }));
        }
        // Others see the session before it has everything: its files are written while the rest is done.
        let (id, seat) = (record.session.id, record.session.seat.clone());
        effects.push(Effect::Publish { uid, session: Some(id), seat });
        self.insert(record);
        if login.open.runtime_dir && uid != Uid::ROOT {
            effects.extend(self.want_runtime_dir(id, uid, login.open.gid));
        } else {
            effects.extend(self.complete(id, None));
        }
        effects
    }

    /// The answer to a login that is repeated because its module never saw the first answer.
    fn answer_again(&self, record: &SessionRecord, uid: Uid) -> Vec<Effect> {
        if record.session.uid != uid {
            let message = "this token names a session of another user: open with fresh random bits";
            return vec![Effect::Reply(Reply::refused(RefusalCode::Invalid, message))];
        }
        let id = record.session.id;
        if self.waiting.contains_key(&id) {
            return vec![Effect::Await(id)];
        }
        if record.session.state == State::Opening {
            return Vec::new();
        }
        vec![Effect::Reply(Reply::Opened(opened(&record.session)))]
    }

    /// The session that the login comes from.
    fn parent(&self, login: &Login) -> Option<&Session> {
        let id = login.ancestors.iter().find_map(|pid| self.led_by(*pid).next_back())?;
        self.slots.get(id).map(|record| &record.session)
    }

    /// True if the login opens no session of its own: it is nested in a session of the same user.
    fn is_part_of(&self, parent: &Session, login: &Login) -> bool {
        let open = &login.open;
        parent.uid == open.uid
            && parent.state != State::Opening
            && self.services.nested_login(&open.service) == NestedLogin::Inner
    }

    /// The reason why the user can have no more sessions now.
    fn over_limit(&self, uid: Uid) -> Option<String> {
        let own = self.users.get(&uid).map_or(0, |user| user.sessions.len());
        let all = self.slots.len();
        Some(match self.limit.admits(uid, own, all).err()? {
            Full::OfUser => format!("uid {uid} has {own} sessions, and cannot have more: end some"),
            Full::ForOthers => {
                format!(
                    "there are {all} sessions, and the last places are for users who have none: end some of yours"
                )
            }
            Full::All => {
                format!(
                    "there are {all} sessions, and no more can be had: root can end some (ckctl terminate)"
                )
            }
        })
    }

    /// Completes the session with the directory of its user. If there is none, requests one.
    fn want_runtime_dir(&mut self, id: SessionId, uid: Uid, gid: Gid) -> Vec<Effect> {
        if let Some(user) = self.users.get_mut(&uid) {
            user.dir = user.dir.take().or_else(|| self.parked.remove(&uid).map(|parked| parked.dir));
            if let Some(dir) = &user.dir {
                let path = dir.path.clone();
                return self.complete(id, Some(path));
            }
        }
        if let Some(waiting) = self.making.get_mut(&uid) {
            waiting.push(id);
            return Vec::new();
        }
        self.making.insert(uid, vec![id]);
        vec![Effect::MakeRuntimeDir { uid, gid }]
    }

    /// Takes the directory that was requested for the user, or `None` if it could not be made.
    pub(super) fn runtime_dir(&mut self, uid: Uid, dir: Option<RuntimeDir>) -> Vec<Effect> {
        let waiting = self.making.remove(&uid).unwrap_or_default();
        let Some(user) = self.users.get_mut(&uid) else {
            // All sessions that requested it have ended meanwhile.
            let ours = dir.is_some_and(|dir| dir.ours);
            return ours.then_some(Effect::RetireRuntimeDir(uid)).into_iter().collect();
        };
        let path = dir.as_ref().map(|dir| dir.path.clone());
        user.dir = dir;
        waiting.into_iter().flat_map(|id| self.complete(id, path.clone())).collect()
    }

    /// Makes the session known: it now has everything that it needs.
    fn complete(&mut self, id: SessionId, dir: Option<PathText>) -> Vec<Effect> {
        let Some(record) = self.slots.get_mut(id) else { return Vec::new() };
        record.session.runtime_dir = dir;
        let changes = self.attach(id);
        let Some(SessionRecord { session, .. }) = self.slots.get(id) else { return Vec::new() };
        let session = Box::new(session.clone());
        let (active, changes): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|effect| matches!(effect, Effect::Publish { .. }));
        let answer = if self.waits.is_over() {
            Effect::Reply(Reply::Opened(opened(&session)))
        } else {
            self.waiting.insert(id, self.waits);
            Effect::Await(id)
        };
        // The login continues as soon as the record is written, and its files where it waits for them. Everything that it does
        // not need comes afterwards.
        let first = [Effect::Watch(id), Effect::Record(id), answer, Effect::ReadAuditIds(session)];
        active.into_iter().chain(first).chain(changes).collect()
    }
}

impl Registry {
    /// Takes the ids in the audit of a session's leader. Subscribers and hooks are told of the session, even if it has ended since.
    pub(super) fn audit_ids(&mut self, mut session: Box<Session>, ids: AuditIds) -> Vec<Effect> {
        self.set_audit_ids(session.id, ids);
        ids.set(&mut session);
        vec![
            Effect::Announce(Event::SessionAdded(session.clone())),
            Effect::RunHooks(Box::new(HookEvent::SessionAdded(session))),
        ]
    }

    /// Sets the ids in the audit of a session's leader.
    pub fn set_audit_ids(&mut self, id: SessionId, ids: AuditIds) {
        if let Some(SessionRecord { session, .. }) = self.slots.get_mut(id) {
            ids.set(session);
        }
    }
}

/// The facts about the session that the PAM module needs.
pub(super) fn opened(session: &Session) -> Opened {
    Opened {
        id: session.id,
        class: session.class,
        session_type: session.session_type,
        seat: session.seat.clone(),
        vt: session.vt,
        runtime_dir: session.runtime_dir.clone(),
    }
}
