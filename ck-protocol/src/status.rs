//! How the broker is, in the structure of the first release.

use crate::{Fact, FactValue, Message, Pid, ShortName, Text, Timestamp};
use serde::{Deserialize, Serialize};

/// The broker's own state, as the first release of `ckctl` asks for it. It never changes: what is new of the broker is a
/// [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version, as `--version` prints it.
    pub version: ShortName,
    /// Its process.
    pub pid: Pid,
    /// When this process started.
    pub started_at: Timestamp,
    /// Open sessions.
    pub sessions: u64,
    /// Users who are here: with a session, or lingering.
    pub users: u64,
    /// Teardowns whose worker is running.
    pub teardowns_running: u64,
    /// Teardowns that wait for a worker, or for their next try.
    pub teardowns_waiting: u64,
    /// Teardowns given up: what is left lies in `.ck-retired`.
    pub teardowns_failed: u64,
    /// Teardowns whose worker not even SIGKILL ends.
    pub teardowns_abandoned: u64,
    /// How many sessions there may be at most.
    pub sessions_limit: u64,
    /// Subscribers.
    pub subscribers: u64,
    /// Hooks that run.
    pub hooks_running: u64,
    /// Hooks that wait for their turn.
    pub hooks_waiting: u64,
    /// Hooks that have failed since this process started.
    pub hooks_failed: u64,
    /// When the configuration was read that counts.
    pub configured_at: Timestamp,
    /// Why the last reload was not fully applied.
    pub configuration_problem: Option<Message>,
}

impl Status {
    /// The keys of its facts: its members, in their order.
    pub const KEYS: [&str; 16] = [
        "version",
        "pid",
        "started_at",
        "sessions",
        "users",
        "teardowns_running",
        "teardowns_waiting",
        "teardowns_failed",
        "teardowns_abandoned",
        "sessions_limit",
        "subscribers",
        "hooks_running",
        "hooks_waiting",
        "hooks_failed",
        "configured_at",
        "configuration_problem",
    ];

    /// Its members as facts, by [`Status::KEYS`]. An absent member is no fact.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        use FactValue::{Number, Time};
        let text = |text: &str| FactValue::Text(Text::clipped(text));
        let values = [
            Some(text(self.version.as_str())),
            u64::try_from(self.pid.get()).ok().map(Number),
            Some(Time(self.started_at)),
            Some(Number(self.sessions)),
            Some(Number(self.users)),
            Some(Number(self.teardowns_running)),
            Some(Number(self.teardowns_waiting)),
            Some(Number(self.teardowns_failed)),
            Some(Number(self.teardowns_abandoned)),
            Some(Number(self.sessions_limit)),
            Some(Number(self.subscribers)),
            Some(Number(self.hooks_running)),
            Some(Number(self.hooks_waiting)),
            Some(Number(self.hooks_failed)),
            Some(Time(self.configured_at)),
            self.configuration_problem.as_ref().map(|problem| text(problem.as_str())),
        ];
        let known = Self::KEYS.iter().zip(values);
        known.filter_map(|(key, value)| Some(Fact::new(key, value?))).collect()
    }
}
