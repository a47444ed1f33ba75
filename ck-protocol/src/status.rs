//! The state of the broker, in the structure of the first release.

use crate::{Fact, FactValue, Message, Pid, ShortName, Text, Timestamp};
use serde::{Deserialize, Serialize};

/// The state of the broker, as the first release of `ckctl` requests it. This type never changes. Anything new is a
/// [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its version, in the form of `--version`.
    pub version: ShortName,
    /// Its pid.
    pub pid: Pid,
    /// The time at which this process started.
    pub started_at: Timestamp,
    /// The number of open sessions.
    pub sessions: u64,
    /// The number of users with a session or with lingering on.
    pub users: u64,
    /// The number of teardowns with a running worker.
    pub teardowns_running: u64,
    /// The number of teardowns that wait for a worker, or for their next try.
    pub teardowns_waiting: u64,
    /// The number of teardowns that were given up. The remaining files are in `.ck-retired`.
    pub teardowns_failed: u64,
    /// The number of teardowns whose worker has outlived SIGKILL.
    pub teardowns_abandoned: u64,
    /// The maximum number of sessions.
    pub sessions_limit: u64,
    /// The number of subscribers.
    pub subscribers: u64,
    /// The number of running hooks.
    pub hooks_running: u64,
    /// The number of events that wait for their hooks.
    pub hooks_waiting: u64,
    /// The number of hooks that have failed since this process started.
    pub hooks_failed: u64,
    /// The time at which the current configuration was read.
    pub configured_at: Timestamp,
    /// Why the last reload was not fully applied.
    pub configuration_problem: Option<Message>,
}

impl Status {
    /// The keys of its facts: the names of its members, in their order.
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
