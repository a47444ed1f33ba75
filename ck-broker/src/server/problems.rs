//! What somebody should look at, beside what the status counts: whatever costs a user anything, until it is over.

use super::Server;
use ck_core::policy::{Action, Requester};
use ck_protocol::{Message, Text, Uid};
use std::{collections::BTreeMap, time::Instant};

/// How many problems of single users are told.
const TOLD: usize = 64;

/// Users who are here without a runtime directory that they should have, and why.
#[derive(Debug, Default)]
pub(super) struct Lacking(BTreeMap<Uid, String>);

impl Lacking {
    /// The user gets none, for this reason.
    pub(super) fn note(&mut self, uid: Uid, reason: String) {
        self.0.insert(uid, reason);
    }

    /// The user has one, or needs none any more.
    pub(super) fn settle(&mut self, uid: Uid) {
        self.0.remove(&uid);
    }
}

impl Server {
    /// What this peer may know of what is wrong.
    pub(super) fn problems(&self, requester: &Requester) -> Vec<Message> {
        let sees = |uid: &Uid| requester.may(Action::See, Some(*uid));
        let lacking = self.lacking.0.iter().filter(|(uid, _)| sees(uid));
        let lacking = lacking.map(|(uid, reason)| format!("uid {uid} has no runtime directory: {reason}"));
        let stuck = self.stuck.iter().filter(|(uid, stuck)| sees(uid) && stuck.is_told());
        let stuck = stuck.map(|(uid, stuck)| {
            format!("the runtime directory of uid {uid}, who has left, stays in its place: {}", stuck.reason)
        });
        let of_users = lacking.chain(stuck).take(TOLD);
        let hung = Some(self.root.hung()).filter(|hung| *hung > 0);
        let hung = hung.map(|hung| {
            format!("{hung} processes hang in the kernel in {}: a user holds it", self.root.path().display())
        });
        let of_all = self.places.iter().cloned().chain(hung).chain(self.fallback.clone());
        let of_all = of_all.chain(self.jobs.problems(Instant::now())).chain(self.history.problem());
        of_all.chain(of_users).map(|line| Text::clipped(&line)).collect()
    }
}
