//! Ending a session, and what follows when its user has left.

use super::{Effect, ParkedDir, Registry, UserRecord};
use crate::model::{HookEvent, RuntimeDir};
use ck_protocol::{EndCause, Event, Session, SessionId, SessionRef, State, Uid, UserName};

impl Registry {
    /// Removes a session from every table. A session that is not there has ended before, and nothing follows.
    pub(super) fn end(&mut self, session: SessionRef, cause: EndCause) -> Vec<Effect> {
        let id = match session {
            SessionRef::Id(id) => Some(id),
            SessionRef::Token(token) => self.tokens.get(&token).copied(),
        };
        let Some(record) = id.and_then(|id| self.slots.remove(id)) else { return Vec::new() };
        let Session { id, uid, leader_pid, state, .. } = record.session;
        let name = record.session.user.clone();
        self.waiting.remove(&id);
        let changes = self.detach(&record.session);
        self.tokens.remove(&record.token);
        self.leaders.remove(&(leader_pid, id));
        let departed = self.leave(uid, id);
        let seat = record.session.seat.clone();
        let mut effects = Vec::new();
        if state != State::Opening {
            effects.push(Effect::Forget(id));
            let ended = Session { state: State::Closing, ..record.session };
            effects.push(Effect::Ended(Box::new(ended.clone()), cause));
            effects.push(Effect::Unwatch(id));
            effects.push(Effect::RunHooks(Box::new(HookEvent::SessionRemoved(Box::new(ended)))));
            effects.extend(changes);
        }
        effects.push(Effect::Publish { uid, session: Some(id), seat });
        // The record of the session is removed first. A broker that dies in between finds a directory of its own
        // without a session at its next start, and retires it then.
        effects.extend(departed.into_iter().flat_map(|user| self.gone(uid, user, name.clone())));
        effects
    }

    /// The effects of the departure of a user, whose account is called `name`.
    pub(super) fn gone(&mut self, uid: Uid, user: UserRecord, name: UserName) -> Vec<Effect> {
        let left = Event::UserRemoved { uid, user: Some(name.clone()) };
        let dir = user.dir.filter(|dir| dir.ours).map(|dir| self.release(uid, dir, name));
        dir.into_iter().chain([Effect::Announce(left)]).collect()
    }

    /// Releases the directory of a user who has left: parks it if directories are kept for a while, or else retires it.
    fn release(&mut self, uid: Uid, dir: RuntimeDir, name: UserName) -> Effect {
        if !self.parks {
            return Effect::RetireRuntimeDir(uid);
        }
        self.parked.insert(uid, ParkedDir { dir, name });
        Effect::ParkRuntimeDir(uid)
    }

    /// Removes one session of the user. Returns the user record if the user has left with it.
    fn leave(&mut self, uid: Uid, id: SessionId) -> Option<UserRecord> {
        let user = self.users.get_mut(&uid)?;
        user.sessions.remove(&id);
        if !user.sessions.is_empty() || self.lingerers.contains_key(&uid) {
            return None;
        }
        self.users.remove(&uid)
    }
}
