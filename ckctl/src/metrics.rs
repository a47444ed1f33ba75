//! The broker's state as OpenMetrics text (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), for the
//! textfile collector of node_exporter.

use ck_protocol::Status;
use std::fmt::Write;

const END: &str = "# EOF\n";

/// What is said of a broker that does not answer.
#[must_use]
pub fn down() -> String {
    let mut text = String::new();
    gauge(&mut text, "ck_up", "Whether the session broker answers.", &[("", 0)]);
    text + END
}

/// What is said of one that does.
#[must_use]
pub fn metrics(status: &Status, problems: usize) -> String {
    let mut text = String::new();
    gauge(&mut text, "ck_up", "Whether the session broker answers.", &[("", 1)]);
    let seconds = u64::try_from(status.started_at.as_micros() / 1_000_000).unwrap_or(0);
    gauge(&mut text, "ck_start_time_seconds", "When it started, since the epoch.", &[("", seconds)]);
    let seconds = u64::try_from(status.configured_at.as_micros() / 1_000_000).unwrap_or(0);
    let configured = "When the configuration was read that counts, since the epoch.";
    gauge(&mut text, "ck_config_last_reload_success_timestamp_seconds", configured, &[("", seconds)]);
    let well = u64::from(status.configuration_problem.is_none());
    gauge(&mut text, "ck_config_last_reload_successful", "Whether all is as it says.", &[("", well)]);
    let problems = u64::try_from(problems).unwrap_or(u64::MAX);
    gauge(&mut text, "ck_problems", "What somebody should look at: see ckctl status.", &[("", problems)]);
    gauge(&mut text, "ck_sessions", "Open sessions.", &[("", status.sessions)]);
    gauge(&mut text, "ck_sessions_limit", "How many there may be.", &[("", status.sessions_limit)]);
    gauge(&mut text, "ck_users", "Users who are here.", &[("", status.users)]);
    let teardowns = [
        ("{state=\"running\"}", status.teardowns_running),
        ("{state=\"waiting\"}", status.teardowns_waiting),
        ("{state=\"failed\"}", status.teardowns_failed),
        ("{state=\"abandoned\"}", status.teardowns_abandoned),
    ];
    gauge(&mut text, "ck_teardowns", "Runtime directories that are not gone yet.", &teardowns);
    gauge(&mut text, "ck_subscribers", "Who is told of every change.", &[("", status.subscribers)]);
    let hooks =
        [("{state=\"running\"}", status.hooks_running), ("{state=\"waiting\"}", status.hooks_waiting)];
    gauge(&mut text, "ck_hooks", "Hooks that are not done yet.", &hooks);
    let failed = [("_total", status.hooks_failed)];
    family(&mut text, "counter", "ck_hooks_failed", "Hooks that failed since it started.", &failed);
    text + END
}

fn gauge(text: &mut String, name: &str, help: &str, samples: &[(&str, u64)]) {
    family(text, "gauge", name, help, samples);
}

/// A metric with its samples, each by what follows the name.
fn family(text: &mut String, kind: &str, name: &str, help: &str, samples: &[(&str, u64)]) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "# TYPE {name} {kind}\n# HELP {name} {help}");
    for (suffix, value) in samples {
        let _ = writeln!(text, "{name}{suffix} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::tests::status;

    #[test]
    fn every_line_is_a_sample_or_says_what_follows_and_the_end_is_marked() {
        let text = metrics(&status(), 0);
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
