//! A directory for a user who logs in.

use super::{Directories, runtime_dir::Existing};
use ck_core::model::RuntimeDir;
use ck_protocol::{Gid, Uid};
use std::time::Instant;

impl Directories {
    /// The user's runtime directory: a fresh one, or one that somebody else made as it should be. `None` if there is none; the reason
    /// is logged and kept.
    pub(crate) fn make(&mut self, uid: Uid, gid: Gid) -> Option<RuntimeDir> {
        if self.root.makes_none() {
            return None;
        }
        match self.find(uid, gid) {
            Ok(ours) => {
                self.lacking.remove(&uid);
                // Somebody else's is never retired here, and so never forgotten.
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

    /// The directory of a user who lingers, if an earlier broker made it: it is kept.
    pub(crate) fn kept(&self, uid: Uid) -> Option<RuntimeDir> {
        // A directory that was not made to the end is made anew. Where nothing is mounted, it is made in one step.
        let is_whole = self.claims.made(uid).is_some() || (self.claims.hold(uid) && !self.root.is_sealed());
        let is_kept = is_whole && self.root.has(uid);
        is_kept.then(|| RuntimeDir { path: self.root.text_of(uid), ours: true })
    }

    /// The user has left, and lacks nothing any more.
    pub(crate) fn forget_lacking(&mut self, uid: Uid) {
        self.lacking.remove(&uid);
    }

    /// Whether the directory that the uid has now is ours; otherwise why it has none.
    fn find(&mut self, uid: Uid, gid: Gid) -> Result<bool, String> {
        self.teardowns.has_room(uid, self.limit, self.root.size())?;
        // An earlier session of the user has left it.
        if self.claims.hold(uid) {
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
        // The intent first: a directory that nobody claims would never be removed.
        let claim = self.claims.make(uid).map_err(|error| error.to_string())?;
        let created = self.root.create(uid, gid).map_err(|error| {
            // A process that is blocked may still make it, so that it stays ours.
            if !error.may_be_done() {
                self.disclaim(uid);
            }
            self.teardowns.note_to_sweep(Instant::now());
            self.watch_blocked();
            error.to_string()
        })?;
        // Until a directory is made as it should be.
        self.fallback = created.fell_back.map(|error| {
            format!(
                "{error}: users get plain directories, which share the space of {}",
                self.root.path().display()
            )
        });
        if let Some(Err(error)) = created.made.map(|made| self.claims.note_made(claim, made)) {
            // This broker knows it. The next one would take it off at the last logout without emptying it.
            log::error!("{error}");
        }
        Ok(())
    }
}
