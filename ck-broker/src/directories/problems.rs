//! Problems for the administrator. A problem is reported as long as it affects a user.

use super::Directories;
use ck_protocol::Uid;
use std::time::Instant;

/// The maximum number of reported problems of single users.
const MAX_REPORTED: usize = 64;

impl Directories {
    /// Problems that concern all users.
    pub(crate) fn problems_of_all(&self) -> impl Iterator<Item = String> {
        let hung = Some(self.root.blocked()).filter(|hung| *hung > 0);
        let hung = hung.map(|hung| {
            format!("{hung} processes hang in the kernel in {}: a user holds it", self.root.path().display())
        });
        let places = self.places.iter().cloned();
        places.chain(hung).chain(self.fallback.clone()).chain(self.teardowns.problems(Instant::now()))
    }

    /// Problems of those users for whom `sees` returns true.
    pub(crate) fn problems_of_users(&self, sees: impl Fn(Uid) -> bool) -> impl Iterator<Item = String> {
        let lacking = self.lacking.iter().filter(|(uid, _)| sees(**uid));
        let lacking = lacking.map(|(uid, reason)| format!("uid {uid} has no runtime directory: {reason}"));
        let stuck = self.stuck.iter().filter(|(uid, stuck)| sees(**uid) && stuck.is_problem());
        let stuck = stuck.map(|(uid, stuck)| {
            format!("cannot retire the runtime directory of uid {uid}, who has left: {}", stuck.reason)
        });
        lacking.chain(stuck).take(MAX_REPORTED).collect::<Vec<_>>().into_iter()
    }
}
