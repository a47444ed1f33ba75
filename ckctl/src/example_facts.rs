//! Facts for the tests of this crate.

use crate::facts::Facts;
use ck_protocol::{Pid, Status, Text, Timestamp};

/// The facts of a broker without problems, as `change` has changed them.
pub(crate) fn facts(change: impl FnOnce(&mut Status)) -> Facts {
    let mut status = Status {
        version: Text::clipped("0.1.0"),
        pid: Pid::try_from(60).unwrap(),
        started_at: Timestamp::from_micros(1_500_000),
        sessions: 3,
        users: 2,
        teardowns_running: 1,
        teardowns_waiting: 0,
        teardowns_failed: 0,
        teardowns_abandoned: 0,
        sessions_limit: 100,
        subscribers: 4,
        hooks_running: 5,
        hooks_waiting: 6,
        hooks_failed: 0,
        configured_at: Timestamp::from_micros(2_500_000),
        configuration_problem: None,
    };
    change(&mut status);
    status.facts().into()
}
