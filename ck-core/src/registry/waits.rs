//! What logins wait for before they are replied to.

use super::{Effect, Registry, open::opened};
use ck_protocol::{Reply, SessionId};

/// What a login waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Waits {
    /// Hooks that are told of the session.
    pub(super) hooks: bool,
    /// The files by which others see the session.
    pub(super) files: bool,
}

impl Waits {
    const NOTHING: Self = Self { hooks: false, files: false };

    pub(super) fn is_over(self) -> bool {
        self == Self::NOTHING
    }
}

impl Registry {
    /// Sets whether a login is replied to only after hooks have been told of it.
    pub fn wait_for_hooks(&mut self, waits: bool) {
        self.waits.hooks = waits;
    }

    /// True if a login is replied to only after hooks have been told of it.
    #[must_use]
    pub fn waits_for_hooks(&self) -> bool {
        self.waits.hooks
    }

    /// Sets whether a login is replied to only after [`Effect::Publish`] was carried out, which [`Input::FilesWritten`](super::Input) says.
    pub fn wait_for_files(&mut self, waits: bool) {
        self.waits.files = waits;
    }

    /// A login waits no longer for something. Replies to it if that was all.
    pub(super) fn wait_ends(&mut self, id: SessionId, ends: impl FnOnce(&mut Waits)) -> Vec<Effect> {
        let Some(waits) = self.waiting.get_mut(&id) else { return Vec::new() };
        ends(waits);
        if !waits.is_over() {
            return Vec::new();
        }
        self.waiting.remove(&id);
        let record = self.slots.get(id);
        record.map(|record| Effect::Reply(Reply::Opened(opened(&record.session)))).into_iter().collect()
    }
}
