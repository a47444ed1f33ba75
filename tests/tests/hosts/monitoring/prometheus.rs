//! The alert rules, the dashboard and the recipe, with the real node_exporter and promtool.

use std::collections::BTreeSet;
use std::fs;

use ck_tests::{Kind, Machine, Options, wait_until};
use serde_json::Value;

use super::{SOON, status};
use crate::recipes::recipe;

const RULES: &str = "/usr/share/ck/prometheus/ck.rules.yml";
const DASHBOARD: &str = concat!(env!("CK_ROOT"), "packaging/grafana/ck.json");
const SITUATIONS: &str = concat!(env!("CK_ROOT"), "tests/tests/hosts/monitoring/situations.yml");

fn machine() -> Machine {
    let mut machine = Machine::installed_on(Options::default().kind(Kind::Prometheus));
    machine.start_broker(&[]);
    machine
}

/// What node_exporter tells a Prometheus server of ours.
fn scraped(machine: &Machine) -> String {
    let get = "curl --silent http://127.0.0.1:9100/metrics | grep -E '^(# TYPE )?(ck_|node_textfile)'";
    machine.host.run(&["sh", "-c", get]).stdout
}

#[test]
fn the_metrics_reach_a_server_as_the_document_says() {
    let machine = machine();
    let host = &machine.host;
    host.run_ok(&["su", "alice", "-c", "true"]);
    machine.await_nothing_left();
    let lint = host.run(&["sh", "-c", "ckctl status --metrics | promtool check metrics 2>&1"]);
    // promtool reads the older form of the text, in which the name of a counter has its suffix in the metadata too.
    let complaints: Vec<_> = lint.stdout.lines().filter(|line| !line.contains("_total")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");

    let job = recipe("MONITORING.md", "* * * * * root");
    let command = job.splitn(7, ' ').nth(6).expect("a command behind the times and the user");
    host.run_ok(&["mkdir", "-p", "/var/lib/prometheus/node-exporter"]);
    host.run_ok(&["sh", "-c", command]);
    let _exporter = host.spawn(&[
        "prometheus-node-exporter",
        "--web.listen-address=127.0.0.1:9100",
        "--collector.disable-defaults",
        "--collector.textfile",
        "--collector.textfile.directory=/var/lib/prometheus/node-exporter",
    ]);
    wait_until(SOON, "node_exporter answers", || scraped(&machine).contains("ck_up 1"));
    let metrics = scraped(&machine);
    for sample in [
        "ck_logins_total 1",
        "ck_login_duration_seconds_count 1",
        "ck_login_stage_duration_seconds_bucket{stage=\"hooks\",le=\"+Inf\"} 1",
        "ck_teardown_duration_seconds_count 1",
        "ck_problems 0",
        "node_textfile_scrape_error 0",
    ] {
        assert!(metrics.contains(&format!("{sample}\n")), "{sample}\n{metrics}");
    }
    assert!(
        metrics.contains("node_textfile_mtime_seconds{file=\"/var/lib/prometheus/node-exporter/ck.prom\"}")
    );
    assert!(metrics.contains("# TYPE ck_login_duration_seconds histogram"), "{metrics}");

    // Without a broker, the same job says so.
    let mut machine = machine;
    machine.broker = None;
    machine.host.run(&["sh", "-c", command]);
    assert!(scraped(&machine).contains("ck_up 0"), "{}", scraped(&machine));
}

#[test]
fn each_rule_fires_when_it_should_and_not_before() {
    let machine = machine();
    let checked = machine.host.run_ok(&["promtool", "check", "rules", RULES]);
    assert!(checked.contains("SUCCESS"), "{checked}");
    let situations = fs::read_to_string(SITUATIONS).expect("the situations");
    machine.host.write_file("/tmp/situations.yml", &situations, 0o644);
    let tested = machine.host.run(&["promtool", "test", "rules", "/tmp/situations.yml"]);
    assert!(tested.status.success(), "{}{}", tested.stdout, tested.stderr);
    let rules = machine.host.read_file(RULES);
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let is_tried = |line: &str| line.trim() == format!("alertname: {alert}");
        assert_eq!(situations.lines().filter(|line| is_tried(line)).count(), 2, "{alert}: once each way");
    }
}

/// Whatever is asked is a query that Prometheus understands, of metrics that there are.
#[test]
fn the_dashboard_and_the_rules_ask_for_metrics_that_there_are() {
    let machine = machine();
    machine.host.run_ok(&["su", "alice", "-c", "true"]);
    machine.await_nothing_left();
    assert_eq!(status(&machine)["logins"], 1);
    let metrics = machine.host.run_ok(&["ckctl", "status", "--metrics"]);
    let there: BTreeSet<&str> = metrics
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();

    let dashboard: Value =
        serde_json::from_str(&fs::read_to_string(DASHBOARD).expect("the dashboard")).expect("JSON");
    let mut queries = Vec::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().expect("targets") {
            queries.push(target["expr"].as_str().expect("a query").to_owned());
        }
    }
    assert!(queries.len() >= 20, "{queries:?}");
    let as_rules: String = queries.iter().enumerate().fold(
        String::from("groups:\n- name: x\n  rules:\n"),
        |text, (n, query)| {
            let query = query.replace("$__rate_interval", "5m").replace("$instance", ".*");
            text + &format!("  - record: x:{n}\n    expr: {}\n", Value::from(query))
        },
    );
    machine.host.write_file("/tmp/dashboard.yml", &as_rules, 0o644);
    let checked = machine.host.run(&["promtool", "check", "rules", "/tmp/dashboard.yml"]);
    assert!(checked.status.success(), "{}{}", checked.stdout, checked.stderr);

    let asked = queries.join("\n") + &machine.host.read_file(RULES);
    let words = asked.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut unknown: Vec<_> = words.filter(|word| word.starts_with("ck_") && !there.contains(word)).collect();
    unknown.dedup();
    assert!(unknown.is_empty(), "{unknown:?}\n{metrics}");
}
