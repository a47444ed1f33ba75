//! Lingering: users who keep their runtime directory without a session.

use super::{Effect, Registry};
use crate::model::{Lingerer, RuntimeDir};
use ck_protocol::{Event, Uid};

impl Registry {
    /// Lets the user linger, and requests a directory if the user has none. Root has no directory and cannot linger.
    pub(super) fn linger(&mut self, uid: Uid, lingerer: Lingerer, kept: Option<RuntimeDir>) -> Vec<Effect> {
        if uid == Uid::ROOT {
            return Vec::new();
        }
        let (gid, name) = (lingerer.gid, lingerer.name.clone());
        self.lingerers.insert(uid, lingerer);
        let is_new = !self.users.contains_key(&uid);
        let user = self.users.entry(uid).or_default();
        user.dir = user.dir.take().or_else(|| self.parked.remove(&uid).map(|parked| parked.dir)).or(kept);
        let mut effects = Vec::new();
        if is_new {
            effects.push(Effect::Announce(Event::UserAdded { uid, user: Some(name) }));
            effects.push(Effect::Publish { uid, session: None, seat: None });
        }
        if user.dir.is_none() && !self.making.contains_key(&uid) {
            self.making.insert(uid, Vec::new());
            effects.push(Effect::MakeRuntimeDir { uid, gid });
        }
        effects
    }

    /// Ends the lingering of the user.
    pub(super) fn linger_no_more(&mut self, uid: Uid) -> Vec<Effect> {
        let Some(lingerer) = self.lingerers.remove(&uid) else { return Vec::new() };
        if !self.sessions_of(uid).is_empty() {
            return Vec::new();
        }
        let gone = self.users.remove(&uid);
        let publish = gone.is_some().then_some(Effect::Publish { uid, session: None, seat: None });
        let effects = gone.into_iter().flat_map(|user| self.gone(uid, user, lingerer.name.clone()));
        effects.chain(publish).collect()
    }

    /// The number of users who linger.
    #[must_use]
    pub fn lingerers(&self) -> usize {
        self.lingerers.len()
    }

    /// True if the user lingers.
    #[must_use]
    pub fn lingers(&self, uid: Uid) -> bool {
        self.lingerers.contains_key(&uid)
    }
}
