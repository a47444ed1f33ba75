//! A uid that belongs to another account now: somebody was deleted, and somebody else was given the uid.

use super::{Effect, Registry};
use ck_protocol::{Event, Uid, UserName};

impl Registry {
    /// What a login of the account `now` entails if the uid was that of another account. A directory that is only kept for that one is
    /// retired, so that nobody finds the files of somebody else. One in which sessions are open is shared: two accounts can have one uid.
    pub(super) fn other_account(&mut self, uid: Uid, now: &UserName) -> Vec<Effect> {
        let changed = |before: &UserName, shares| {
            let (before, now) = (before.clone(), now.clone());
            Effect::AccountChanged { uid, before, now, shares }
        };
        let first = self.sessions_of(uid).first().and_then(|id| self.get(*id));
        if let Some(first) = first {
            let before = &first.session.user;
            return (before != now).then(|| changed(before, true)).into_iter().collect();
        }
        if self.parked.get(&uid).is_some_and(|parked| parked.name != *now) {
            let parked = self.parked.remove(&uid);
            let effects = parked.map(|parked| [changed(&parked.name, false), Effect::RetireRuntimeDir(uid)]);
            return effects.into_iter().flatten().collect();
        }
        let Some(lingerer) = self.lingerers.get(&uid).filter(|lingerer| lingerer.name != *now) else {
            return Vec::new();
        };
        let mut effects = vec![changed(&lingerer.name, false), Effect::ForgetLinger(uid)];
        let user = self.lingerers.remove(&uid).map(|lingerer| lingerer.name);
        if let Some(record) = self.users.remove(&uid) {
            effects.extend(record.dir.filter(|dir| dir.ours).map(|_| Effect::RetireRuntimeDir(uid)));
            effects.push(Effect::Announce(Event::UserRemoved { uid, user }));
        }
        effects
    }
}
