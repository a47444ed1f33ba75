//! The broker's state as OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), for the
//! textfile collector of node_exporter.

use crate::facts::Facts;
use ck_protocol::{Fact, FactValue};
use std::fmt::Write;

const END: &str = "# EOF\n";

/// The metrics of a broker that does not answer.
#[must_use]
pub fn down() -> String {
    let mut text = String::new();
    gauge(&mut text, "ck_up", "Whether the session broker answers.", &[("", Some(0))]);
    text + END
}

/// The metrics of a broker that answers.
#[must_use]
pub fn metrics(facts: &Facts, problems: usize) -> String {
    let mut text = String::new();
    let number = |key| facts.number(key);
    let seconds = |key| facts.time(key).map(|time| u64::try_from(time.as_micros() / 1_000_000).unwrap_or(0));
    gauge(&mut text, "ck_up", "Whether the session broker answers.", &[("", Some(1))]);
    let started = [("", seconds("started_at"))];
    gauge(&mut text, "ck_start_time_seconds", "When it started, since the epoch.", &started);
    let configured = "When the configuration was read that counts, since the epoch.";
    let read = [("", seconds("configured_at"))];
    gauge(&mut text, "ck_config_last_reload_success_timestamp_seconds", configured, &read);
    let well = [("", Some(u64::from(facts.get("configuration_problem").is_none())))];
    gauge(&mut text, "ck_config_last_reload_successful", "Whether all is as it says.", &well);
    let problems = [("", u64::try_from(problems).ok())];
    gauge(&mut text, "ck_problems", "What somebody should look at: see ckctl status.", &problems);
    gauge(&mut text, "ck_sessions", "Open sessions.", &[("", number("sessions"))]);
    gauge(&mut text, "ck_sessions_limit", "How many there may be.", &[("", number("sessions_limit"))]);
    gauge(&mut text, "ck_users", "Users who are here.", &[("", number("users"))]);
    let teardowns = [
        ("{state=\"running\"}", number("teardowns_running")),
        ("{state=\"waiting\"}", number("teardowns_waiting")),
        ("{state=\"failed\"}", number("teardowns_failed")),
        ("{state=\"abandoned\"}", number("teardowns_abandoned")),
    ];
    gauge(&mut text, "ck_teardowns", "Runtime directories that are not gone yet.", &teardowns);
    gauge(&mut text, "ck_subscribers", "Who is told of every change.", &[("", number("subscribers"))]);
    let hooks =
        [("{state=\"running\"}", number("hooks_running")), ("{state=\"waiting\"}", number("hooks_waiting"))];
    gauge(&mut text, "ck_hooks", "Hooks that are not done yet.", &hooks);
    let failed = [("_total", number("hooks_failed"))];
    family(&mut text, "counter", "ck_hooks_failed", "Hooks that failed since it started.", &failed);
    facts.unknown().for_each(|fact| unknown(&mut text, fact));
    text + END
}

/// A number that only a newer broker reports. Its key is part of the name, if that name is valid and not used yet.
fn unknown(text: &mut String, Fact { key, value }: &Fact) {
    let FactValue::Number(number) = value else { return };
    let name = format!("ck_{key}");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let names =
        |line: &str| line.strip_prefix("# TYPE ").unwrap_or(line).split([' ', '{']).next() == Some(&name);
    if name.chars().all(is_plain) && !text.lines().any(names) {
        gauge(text, &name, "Told by a newer broker.", &[("", Some(*number))]);
    }
}

fn gauge(text: &mut String, name: &str, help: &str, samples: &[(&str, Option<u64>)]) {
    family(text, "gauge", name, help, samples);
}

/// A metric with its samples. Each sample has a suffix of the name and a value. An unknown value is left out.
fn family(text: &mut String, kind: &str, name: &str, help: &str, samples: &[(&str, Option<u64>)]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
    for (suffix, value) in samples.iter().filter_map(|(suffix, value)| Some((suffix, (*value)?))) {
        let _ = writeln!(text, "{name}{suffix} {value}");
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
            assert!(name.starts_with("ck_") && value.parse::<u64>().is_ok(), "{line}");
        }
        for sample in ["ck_sessions 3", "ck_teardowns{state=\"running\"} 1", "ck_hooks_failed_total 0"] {
            assert!(text.contains(&format!("\n{sample}\n")), "{sample}");
        }
        assert_eq!(text.matches("# TYPE").count(), text.matches("# HELP").count());
        assert!(down().contains("\nck_up 0\n"));
    }
}
