//! Provides the runtime directory of a user who logs in.

use super::{Directories, runtime_dir::Existing};
use ck_core::model::RuntimeDir;
use ck_protocol::{Gid, Uid};
use std::time::Instant;

impl Directories {
    /// The runtime directory of the user: a new one, or a usable one that another program has made. `None` if there is
    /// none. The reason is then logged and kept.
    pub(crate) fn make(&mut self, uid: Uid, gid: Gid) -> Option<RuntimeDir> {
        if self.root.makes_none() {
            return None;
        }
        match self.find(uid, gid) {
            Ok(ours) => {
                self.lacking.remove(&uid);
                // A directory that another program has made is never retired here.
                if ours {
                    self.in_use.insert(uid);
                }
                Some(RuntimeDir { path: self.root.text_of(uid), ours })
            }
            Err(reason) => {
                log::warn!("uid {uid} gets no runtime directory: {reason}");
                self.lacking.insert(uid, reason);
                None
            }
        }
    }

    /// The directory that an earlier broker made for a lingering user, which is kept.
    pub(crate) fn kept(&self, uid: Uid) -> Option<RuntimeDir> {
        // An unfinished directory is made again. Without mounts, a directory is made in one step.
        let is_whole =
            self.claims.kind(uid).is_some() || (self.claims.contains(uid) && !self.root.is_sealed());
        let is_kept = is_whole && self.root.has(uid);
        is_kept.then(|| RuntimeDir { path: self.root.text_of(uid), ours: true })
    }

    /// Forgets why the user has no directory, because the user has left.
    pub(crate) fn forget_lacking(&mut self, uid: Uid) {
        self.lacking.remove(&uid);
    }

    /// Finds or makes the directory of the user. Returns true if the broker made it, or the reason why there is none.
    fn find(&mut self, uid: Uid, gid: Gid) -> Result<bool, String> {
        self.teardowns.has_room(uid, self.limit, self.root.size())?;
        // It is left over from an earlier session of the user.
        if self.claims.contains(uid) {
            self.retire(uid)?;
        }
        match self.root.existing(uid).map_err(|error| error.to_string())? {
            Existing::Nothing => self.create(uid, gid).map(|()| true),
            Existing::Usable => Ok(false),
            Existing::Unusable => Err(format!(
                "{} is not used: it is not a directory of mode 0700 that uid {uid} owns; remove it",
                self.root.of(uid).display()
            )),
        }
    }

    fn create(&mut self, uid: Uid, gid: Gid) -> Result<(), String> {
        // The claim comes first, because a directory without a claim would never be removed.
        let claim = self.claims.make(uid).map_err(|error| error.to_string())?;
        let created = self.root.create(uid, gid).map_err(|error| {
            // A blocked process may still make the directory. Then the claim is kept.
            if !error.may_be_done() {
                self.remove_claim(uid);
            }
            self.teardowns.schedule_sweep(Instant::now());
            self.watch_blocked();
            error.to_string()
        })?;
        // Kept until a directory is made as configured.
        self.fallback = created.fell_back.map(|error| {
            format!(
                "{error}: users get plain directories, which share the space of {}",
                self.root.path().display()
            )
        });
        if let Some(Err(error)) = created.made.map(|made| self.claims.set_kind(claim, made)) {
            // This broker knows what it is made of. After a restart, the broker would detach it at the last logout
            // without removing its contents.
            log::error!("{error}");
        }
        Ok(())
    }
}
