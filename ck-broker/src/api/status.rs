//! What the broker says of itself, and what an administrator should look at.

use super::Api;
use crate::limits::LINGERERS;
use ck_protocol::{Fact, FactValue, Message, Status, TeardownState, Text, fact_keys as keys};
use std::time::Instant;

pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(super) fn number(key: &str, number: u64) -> Fact {
    Fact::new(key, FactValue::Number(number))
}

impl Api<'_> {
    /// The members of [`Status`], and what later releases have added. A key that was told once is always told, unless there is
    /// nothing to say of it, and always means the same.
    pub(super) fn facts(&self) -> Vec<Fact> {
        let mut facts: Vec<Fact> = self.status().iter().flat_map(Status::facts).collect();
        let root = self.directories.root.path().display();
        if !self.directories.root.makes_none() {
            facts.push(Fact::new(keys::RUNTIME_ROOT, FactValue::Text(Text::clipped(&root.to_string()))));
        }
        if let Some(manager) = &self.configured.manager {
            let line = format!("{} (process {}) manages {root}", manager.name, manager.pid);
            facts.push(Fact::new(keys::DIRECTORIES_MANAGER, FactValue::Text(Text::clipped(&line))));
        }
        facts.extend(self.limits());
        facts.extend(self.measured(Instant::now()));
        facts
    }

    /// What is limited, beside the sessions.
    fn limits(&self) -> [Fact; 3] {
        let lingering = self.sessions.registry.lingerers();
        let of = [
            (keys::LINGERING, lingering),
            (keys::LINGERING_LIMIT, LINGERERS),
            (keys::TEARDOWNS_LIMIT, self.directories.most_teardowns()),
        ];
        of.map(|(key, value)| number(key, count(value)))
    }

    pub(super) fn status(&self) -> Option<Status> {
        let teardowns = |state| count(self.directories.teardowns.count(state));
        let registry = &self.sessions.registry;
        Some(Status {
            version: Text::clipped(env!("CARGO_PKG_VERSION")),
            pid: i32::try_from(std::process::id()).ok()?.try_into().ok()?,
            started_at: self.configured.started_at,
            sessions: count(registry.sessions()),
            users: count(registry.users()),
            teardowns_running: teardowns(TeardownState::Running),
            teardowns_waiting: teardowns(TeardownState::Waiting),
            teardowns_failed: teardowns(TeardownState::Quarantined),
            teardowns_abandoned: teardowns(TeardownState::Abandoned),
            sessions_limit: count(registry.most_sessions()),
            subscribers: count(self.subscribers),
            hooks_running: count(self.hooks.running()),
            hooks_waiting: count(self.hooks.waiting()),
            hooks_failed: self.hooks.failed(),
            configured_at: self.configured.at,
            configuration_problem: self.configured.problem.clone(),
        })
    }

    /// What costs a user anything, beside what the status counts, until it is over: as far as this peer may know it.
    pub(super) fn problems(&self) -> Vec<Message> {
        let of_users = self.directories.problems_of_users(|uid| self.sees(uid));
        let all = self.configured.problems.iter().cloned().chain(self.sessions.problems());
        let all = all.chain(self.directories.problems_of_all()).chain(self.history.problem()).chain(of_users);
        let all = all.chain(self.sd_login.problem(Instant::now()));
        all.map(|line| Text::clipped(&line)).collect()
    }
}
