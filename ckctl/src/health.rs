//! Whether all is well, by what the broker says of itself.

use ck_protocol::{Message, Status, printable};

/// From so many hundredths of a limit on, it is near.
const NEAR: u64 = 90;

/// What somebody should look at, a line each; nothing where all is well. `told` is what the broker has said of it in its own
/// words.
#[must_use]
pub fn problems(status: &Status, told: &[Message]) -> Vec<String> {
    let many = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut problems = Vec::new();
    if status.teardowns_failed > 0 {
        problems
            .push(format!("{} failed: see ckctl teardown list", many(status.teardowns_failed, "teardown")));
    }
    if status.teardowns_abandoned > 0 {
        let hanging = many(status.teardowns_abandoned, "teardown");
        problems.push(format!("{hanging} hanging in the kernel: see ckctl teardown list"));
    }
    if status.hooks_failed > 0 {
        problems.push(format!("{} failed: see the broker's log", many(status.hooks_failed, "hook")));
    }
    problems
        .extend(status.configuration_problem.as_ref().map(|problem| printable(problem.as_str()).to_string()));
    let (used, limit) = (status.sessions, status.sessions_limit);
    if used.saturating_mul(100) >= limit.saturating_mul(NEAR) {
        problems.push(format!("{used} of at most {limit} sessions: see ckctl list"));
    }
    problems.extend(told.iter().map(|problem| printable(problem.as_str()).to_string()));
    problems
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use ck_protocol::{Pid, Text, Timestamp};

    pub(crate) fn status() -> Status {
        Status {
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
        }
    }

    #[test]
    fn each_trouble_is_named() {
        assert!(problems(&status(), &[]).is_empty());
        let (teardowns_failed, teardowns_abandoned, hooks_failed) = (1, 2, 3);
        let configuration_problem = Some(Text::clipped("the configuration stays as it was: f:3: no"));
        let bad = Status {
            teardowns_failed,
            teardowns_abandoned,
            hooks_failed,
            configuration_problem,
            sessions: 90,
            ..status()
        };
        assert_eq!(
            problems(&bad, &[Text::clipped("uid 2001 has no runtime directory: \u{1b}")]),
            [
                "1 teardown failed: see ckctl teardown list",
                "2 teardowns hanging in the kernel: see ckctl teardown list",
                "3 hooks failed: see the broker's log",
                "the configuration stays as it was: f:3: no",
                "90 of at most 100 sessions: see ckctl list",
                "uid 2001 has no runtime directory: \\u{1b}",
            ]
        );
    }
}
