//! What an administrator should look at, beside what the status counts: whatever costs a user anything, until it is over.

use super::Server;
use ck_core::policy::{Action, Requester};
use ck_protocol::{Message, Text};

impl Server {
    /// The problems that this peer may know of.
    pub(super) fn problems(&self, requester: &Requester) -> Vec<Message> {
        let of_users = self.directories.problems_of_users(|uid| requester.may(Action::See, Some(uid)));
        let all = self.directories.problems_of_all().chain(self.history.problem()).chain(of_users);
        all.map(|line| Text::clipped(&line)).collect()
    }
}
