//! Finds problems in the facts about the broker.

use crate::{
    client::{Client, ClientError},
    facts::Facts,
};
use ck_protocol::{Message, fact_keys, printable};

/// A limit is nearly reached from this percentage on.
const NEARLY: u64 = 90;
/// Facts without which nobody can know that all is well.
const NEEDED: [&str; 5] =
    ["teardowns_failed", "teardowns_abandoned", "hooks_failed", "sessions", "sessions_limit"];

/// Asks a broker for its facts and its problems, one line for each problem.
///
/// # Errors
/// [`ClientError`]
pub fn ask(client: &mut Client) -> Result<(Facts, Vec<String>), ClientError> {
    let (facts, reported) = (Facts::from(client.facts()?), client.problems()?);
    let problems = problems(&facts, &reported);
    Ok((facts, problems))
}

/// The problems, one line for each. `reported` are the problems that the broker itself reports.
#[must_use]
pub fn problems(facts: &Facts, reported: &[Message]) -> Vec<String> {
    let count = |key| facts.number(key).unwrap_or(0);
    let many = |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let mut problems = Vec::new();
    for key in NEEDED.into_iter().filter(|key| facts.number(key).is_none()) {
        problems.push(format!(
            "the broker does not report {key}: install the same release of ck-broker and ckctl"
        ));
    }
    let failed = count("teardowns_failed");
    if failed > 0 {
        problems.push(format!("{} failed: see ckctl teardown list", many(failed, "teardown")));
    }
    let abandoned = count("teardowns_abandoned");
    if abandoned > 0 {
        let hanging = many(abandoned, "teardown");
        problems.push(format!("{hanging} hanging in the kernel: see ckctl teardown list"));
    }
    let hooks_failed = count("hooks_failed");
    if hooks_failed > 0 {
        problems.push(format!("{} failed: see the broker's log", many(hooks_failed, "hook")));
    }
    problems.extend(facts.text("configuration_problem").map(|problem| printable(problem).to_string()));
    problems.extend(near_limits(facts));
    problems.extend(reported.iter().map(|problem| printable(problem.as_str()).to_string()));
    problems
}

/// A line for each limit that is nearly reached.
fn near_limits(facts: &Facts) -> impl Iterator<Item = String> {
    let unfinished = ["teardowns_running", "teardowns_waiting"].map(|key| facts.number(key));
    let teardowns = unfinished.into_iter().sum::<Option<u64>>();
    let limited = [
        (facts.number("sessions"), "sessions_limit", "sessions: see ckctl list"),
        (
            facts.number(fact_keys::LINGERING),
            fact_keys::LINGERING_LIMIT,
            "lingering users: see ckctl linger list",
        ),
        (teardowns, fact_keys::TEARDOWNS_LIMIT, "teardowns: see ckctl teardown list"),
    ];
    limited.into_iter().filter_map(|(used, limit, what)| {
        let (used, limit) = (used?, facts.number(limit)?);
        let is_near = used.saturating_mul(100) >= limit.saturating_mul(NEARLY);
        is_near.then(|| format!("{used} of at most {limit} {what}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_facts::facts;
    use ck_protocol::{Fact, FactValue, Text};

    #[test]
    fn each_problem_has_a_line() {
        assert!(problems(&facts(|_| {}), &[]).is_empty());
        let bad = facts(|status| {
            (status.teardowns_failed, status.teardowns_abandoned, status.hooks_failed) = (1, 2, 3);
            status.configuration_problem = Some(Text::clipped("the configuration stays as it was: f:3: no"));
            status.sessions = 90;
        });
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

    #[test]
    fn a_limit_that_is_nearly_reached_is_a_problem() {
        let near = |lingering, waiting| {
            let status = facts(|status| status.teardowns_waiting = waiting);
            let number = |key, number| Fact::new(key, FactValue::Number(number));
            let more = [
                number(fact_keys::LINGERING, lingering),
                number(fact_keys::LINGERING_LIMIT, 10),
                number(fact_keys::TEARDOWNS_LIMIT, 20),
            ];
            problems(&status.iter().cloned().chain(more).collect::<Vec<_>>().into(), &[])
        };
        assert!(near(8, 16).is_empty());
        assert_eq!(near(9, 16), ["9 of at most 10 lingering users: see ckctl linger list"]);
        assert_eq!(near(0, 17), ["18 of at most 20 teardowns: see ckctl teardown list"]);
    }

    #[test]
    fn missing_facts_are_a_problem() {
        let problems = problems(&Facts::from(Vec::new()), &[]);
        assert_eq!(problems.len(), NEEDED.len());
        assert_eq!(
            problems[0],
            "the broker does not report teardowns_failed: install the same release of ck-broker and ckctl"
        );
    }
}
