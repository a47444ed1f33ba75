//! The metrics of the broker, as OpenMetrics text for the textfile collector of node_exporter.

use crate::{
    facts::Facts,
    openmetrics::{Exposition, Label, Seconds},
};
use ck_protocol::{Fact, FactValue, Timestamp, fact_keys as keys};

/// The metrics of a broker that does not answer.
#[must_use]
pub fn down() -> String {
    let mut metrics = Exposition::default();
    is_up(&mut metrics, false);
    metrics.finish()
}

/// The metrics of a broker that answers.
#[must_use]
pub fn metrics(facts: &Facts, problems: usize) -> String {
    let mut metrics = Exposition::default();
    is_up(&mut metrics, true);
    of_broker(&mut metrics, facts, problems);
    of_present(&mut metrics, facts);
    of_hooks(&mut metrics, facts);
    of_past(&mut metrics, facts);
    facts.unknown().for_each(|fact| unknown(&mut metrics, fact));
    metrics.finish()
}

fn is_up(metrics: &mut Exposition, is_up: bool) {
    metrics.gauge("ck_up", "Whether the session broker answers.", Some(u64::from(is_up)));
}

fn of_broker(metrics: &mut Exposition, facts: &Facts, problems: usize) {
    let time = |key: &str| facts.time(key).map(whole_seconds);
    metrics.gauge("ck_start_time_seconds", "When it started, since the epoch.", time("started_at"));
    metrics.gauge(
        "ck_config_last_reload_success_timestamp_seconds",
        "When the configuration was read that counts, since the epoch.",
        time("configured_at"),
    );
    metrics.gauge(
        "ck_config_last_reload_successful",
        "Whether all is as it says.",
        Some(u64::from(facts.get("configuration_problem").is_none())),
    );
    metrics.gauge("ck_problems", "What somebody should look at: see ckctl status.", Some(problems));
}

/// What there is now.
fn of_present(metrics: &mut Exposition, facts: &Facts) {
    let number = |key| facts.number(key);
    metrics.gauge("ck_sessions", "Open sessions.", number("sessions"));
    metrics.gauge("ck_sessions_limit", "How many there may be.", number("sessions_limit"));
    metrics.gauge("ck_users", "Users who are here.", number("users"));
    let states = ["running", "waiting", "failed", "abandoned"];
    let teardowns = states.iter().filter_map(|state| Some((("state", *state), teardowns(facts, state)?)));
    metrics.gauges("ck_teardowns", "Runtime directories that are not gone yet.", teardowns);
    metrics.gauge("ck_subscribers", "Who is told of every change.", number("subscribers"));
}

fn teardowns(facts: &Facts, state: &str) -> Option<u64> {
    facts.number(&format!("teardowns_{state}"))
}

fn of_hooks(metrics: &mut Exposition, facts: &Facts) {
    let states = [("running", "hooks_running"), ("waiting", "hooks_waiting")];
    let hooks = states.into_iter().filter_map(|(state, key)| Some((("state", state), facts.number(key)?)));
    metrics.gauges("ck_hooks", "Hooks that are not done yet.", hooks);
    let failed = facts.number("hooks_failed").map(|failed| ([], failed));
    metrics.counters("ck_hooks_failed", "Hooks that failed since it started.", failed);
}

/// What was measured. A broker of the first release measures nothing.
fn of_past(metrics: &mut Exposition, facts: &Facts) {
    let gauges = [
        ("ck_sessions_peak", "The most sessions at one time since it started.", keys::SESSIONS_PEAK),
        ("ck_logins_last_minute", "Logins in the last minute.", keys::LOGINS_LAST_MINUTE),
        ("ck_logins_peak_minute", "The most logins in a minute of the last hour.", keys::LOGINS_PEAK_MINUTE),
        ("ck_lingering", "Users who linger.", keys::LINGERING),
        ("ck_lingering_limit", "How many may linger.", keys::LINGERING_LIMIT),
        ("ck_teardowns_limit", "How many teardowns may run or wait.", keys::TEARDOWNS_LIMIT),
    ];
    for (name, help, key) in gauges {
        if let Some(number) = facts.number(key) {
            metrics.gauge(name, help, Some(number));
        }
    }
    if let Some(logins) = facts.number(keys::LOGINS) {
        metrics.counters("ck_logins", "Logins that were replied to since it started.", [([], logins)]);
    }
    of_login_durations(metrics, facts);
    of_teardown_durations(metrics, facts);
    of_refusals(metrics, facts);
}

fn of_login_durations(metrics: &mut Exposition, facts: &Facts) {
    let stages = || keys::STAGES.iter().map(|stage| ("stage", *stage));
    if let Some(whole) = facts.histogram(keys::LOGIN_DURATION) {
        let of_stage = |label: Label<'static>| {
            Some((label, facts.histogram(&keys::of_stage(keys::LOGIN_DURATION, label.1))?))
        };
        let help = "How long logins took in the broker.";
        metrics.histograms("ck_login_duration_seconds", help, [(("", ""), whole)]);
        let help = "How long the stages of logins took in the broker.";
        metrics.histograms("ck_login_stage_duration_seconds", help, stages().filter_map(of_stage));
    }
    if let Some(whole) = facts.duration(keys::SLOWEST_LOGIN) {
        let of_stage = |label: Label<'static>| {
            Some((label, Seconds(facts.duration(&keys::of_stage(keys::SLOWEST_LOGIN, label.1))?)))
        };
        let help = "The slowest login of the last hour.";
        metrics.gauge("ck_slowest_login_seconds", help, Some(Seconds(whole)));
        let help = "The stages of the slowest login of the last hour.";
        metrics.gauges("ck_slowest_login_stage_seconds", help, stages().filter_map(of_stage));
    }
}

fn of_teardown_durations(metrics: &mut Exposition, facts: &Facts) {
    if let Some(durations) = facts.histogram(keys::TEARDOWN_DURATION) {
        let help = "How long teardowns took that are finished, from the logout on.";
        metrics.histograms("ck_teardown_duration_seconds", help, [(("", ""), durations)]);
    }
    if let Some(longest) = facts.duration(keys::LONGEST_TEARDOWN) {
        let help = "The longest teardown that was finished in the last hour.";
        metrics.gauge("ck_longest_teardown_seconds", help, Some(Seconds(longest)));
    }
}

fn of_refusals(metrics: &mut Exposition, facts: &Facts) {
    let sockets = [("session", keys::REFUSED_LOGINS), ("admin", keys::REFUSED_REQUESTS)];
    let mut refused = Vec::new();
    for (socket, key) in sockets {
        let counts = facts.counts(key).unwrap_or_default();
        refused.extend(
            counts
                .iter()
                .filter(|count| is_word(count.what.as_str()))
                .map(|count| ([("socket", socket), ("reason", count.what.as_str())], count.count)),
        );
    }
    if !refused.is_empty() {
        let help = "What was refused since it started: at session.sock logins, at admin.sock requests.";
        metrics.counters("ck_refused", help, refused);
    }
}

fn is_word(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn whole_seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_micros() / 1_000_000).unwrap_or(0)
}

/// A value that only a newer broker reports. Its key is part of the name, if that name is valid and not used yet.
fn unknown(metrics: &mut Exposition, Fact { key, value }: &Fact) {
    let help = "Told by a newer broker.";
    let name = match value {
        FactValue::Number(_) => format!("ck_{key}"),
        FactValue::Duration(_) | FactValue::Histogram(_) => format!("ck_{key}_seconds"),
        FactValue::Time(_) | FactValue::Text(_) | FactValue::Counts(_) => return,
    };
    if !is_word(&name) || metrics.has(&name) {
        return;
    }
    match value {
        FactValue::Number(number) => metrics.gauge(&name, help, Some(number)),
        FactValue::Duration(micros) => metrics.gauge(&name, help, Some(Seconds((*micros).into()))),
        FactValue::Histogram(buckets) => metrics.histograms(&name, help, [(("", ""), buckets)]),
        FactValue::Time(_) | FactValue::Text(_) | FactValue::Counts(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example_facts::facts;

    #[test]
    fn every_line_is_a_sample_or_metadata_and_the_end_is_marked() {
        let text = metrics(&facts(|_| {}), 0);
        assert!(text.starts_with("# TYPE ck_up gauge\n# HELP ck_up ") && text.ends_with("\n# EOF\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("ck_") && value.parse::<f64>().is_ok(), "{line}");
        }
        for sample in ["ck_sessions 3", "ck_teardowns{state=\"running\"} 1", "ck_hooks_failed_total 0"] {
            assert!(text.contains(&format!("\n{sample}\n")), "{sample}");
        }
        assert_eq!(text.matches("# TYPE").count(), text.matches("# HELP").count());
        assert!(down().contains("\nck_up 0\n"));
    }
}
