//! What `ckctl status` prints, whichever release the broker is of. The files `well` and `troubled` beside this one are
//! what the first release printed, with times in UTC. With `CK_WRITE=1` the files `measured` are written.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic, also outside functions marked #[test]"
)]

use ck_protocol::*;
use fake_broker::{Broker, list, packet};
use std::{env, fs, path::Path, time::Duration};

#[path = "../fake_broker/mod.rs"]
mod fake_broker;

/// A broker of this release with these facts and problems.
fn reporting(facts: Vec<Fact>, problems: Vec<Message>) -> Broker {
    Broker::answering(move |request| match request {
        AdminRequest::Facts => Some(list(facts.iter().cloned().map(Reply::Fact))),
        AdminRequest::Problems => Some(list(problems.iter().cloned().map(Reply::Problem))),
        other => panic!("{other:?}"),
    })
}

/// What `ckctl status` prints; with the option, if there is one.
fn status(broker: &Broker, option: &str) -> String {
    let mut command = broker.ckctl();
    let output =
        command.arg("status").args(Some(option).filter(|option| !option.is_empty())).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn json(broker: &Broker) -> serde_json::Value {
    serde_json::from_str(&status(broker, "--json")).unwrap()
}

/// Asserts that the state is shown as in the files beside this one.
fn assert_shown_as(broker: &Broker, name: &str) {
    for (option, kind) in [("", "txt"), ("--json", "json"), ("--metrics", "metrics")] {
        let path = Path::new(env!("CK_ROOT")).join(format!("ckctl/tests/status/{name}.{kind}"));
        if env::var_os("CK_WRITE").is_some() && name == "measured" {
            fs::write(&path, status(broker, option)).unwrap();
        }
        assert_eq!(status(broker, option), fs::read_to_string(&path).unwrap(), "{}", path.display());
    }
}

fn well() -> Status {
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

fn troubled() -> Status {
    let (teardowns_failed, teardowns_abandoned, hooks_failed) = (1, 2, 3);
    let configuration_problem = Some(Text::clipped("the configuration stays as it was: f:3: no\u{1b}"));
    Status { teardowns_failed, teardowns_abandoned, hooks_failed, configuration_problem, ..well() }
}

fn problems() -> Vec<Message> {
    vec![Text::clipped("uid 2001 has no runtime directory: \u{1b}")]
}

#[test]
fn facts_are_shown_as_the_status_was() {
    assert_shown_as(&reporting(well().facts(), Vec::new()), "well");
    assert_shown_as(&reporting(troubled().facts(), problems()), "troubled");
}

#[test]
fn a_broker_that_has_no_facts_is_asked_for_its_status() {
    for (state, problems, name) in [(well(), Vec::new(), "well"), (troubled(), problems(), "troubled")] {
        let broker = Broker::answering(move |request| match request {
            AdminRequest::Facts => None,
            AdminRequest::Status => Some(vec![packet(&Reply::Status(state.clone()))]),
            AdminRequest::Problems => Some(list(problems.iter().cloned().map(Reply::Problem))),
            other => panic!("{other:?}"),
        });
        assert_shown_as(&broker, name);
    }
}

#[test]
fn what_only_a_newer_broker_says_is_shown_by_its_key() {
    let mut facts = well().facts();
    let newer = [
        ("loads_total", FactValue::Number(77)),
        ("backed_up_at", FactValue::Time(Timestamp::from_micros(0))),
        ("kernel", FactValue::Text(Text::clipped("Linux \u{1b}[2J"))),
    ];
    facts.extend(newer.map(|(key, value)| Fact::new(key, value)));
    let broker = reporting(facts, Vec::new());
    let json = json(&broker);
    assert_eq!((&json["loads_total"], &json["sessions"]), (&77.into(), &3.into()));
    assert_eq!(json["backed_up_at"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(json["kernel"], "Linux \u{1b}[2J");
    assert!(!status(&broker, "--json").contains('\u{1b}'));
    let (metrics, known) = (status(&broker, "--metrics"), include_str!("well.metrics"));
    let more =
        "# TYPE ck_loads_total gauge\n# HELP ck_loads_total Told by a newer broker.\nck_loads_total 77\n";
    assert_eq!(metrics, known.replace("# EOF\n", &format!("{more}# EOF\n")));
    assert_eq!(status(&broker, ""), include_str!("well.txt"));
}

/// The facts of a broker that measures.
fn measured() -> Vec<Fact> {
    use fact_keys as keys;
    let millis = |millis| Micros::from(Duration::from_millis(millis));
    let histogram = |count, above, sum| {
        let buckets = [(1, count), (1000, 1)];
        let buckets = buckets.map(|(bound, count)| DurationBucket { up_to: millis(bound), count });
        FactValue::Histogram(Buckets { buckets: buckets.to_vec(), above, sum: millis(sum) })
    };
    let counts = |busy| {
        let count = |what, count| Count { what: Text::clipped(what), count };
        FactValue::Counts(vec![count("malformed", 0), count("busy", busy), count("failed", 1)])
    };
    let numbers = [
        (keys::LINGERING, 1),
        (keys::LINGERING_LIMIT, 1024),
        (keys::TEARDOWNS_LIMIT, 64),
        (keys::SESSIONS_PEAK, 7),
        (keys::LOGINS, 1234),
        (keys::LOGINS_LAST_MINUTE, 2),
        (keys::LOGINS_LAST_HOUR, 41),
        (keys::LOGINS_PEAK_MINUTE, 12),
    ];
    let mut facts = well().facts();
    facts.extend(numbers.map(|(key, number)| Fact::new(key, FactValue::Number(number))));
    facts.push(Fact::new(keys::LOGIN_DURATION, histogram(1232, 1, 3210)));
    facts.push(Fact::new(keys::SLOWEST_LOGIN, FactValue::Duration(millis(38))));
    for (number, stage) in (0..).zip(keys::STAGES) {
        facts.push(Fact::new(&keys::of_stage(keys::LOGIN_DURATION, stage), histogram(1233, 0, 10)));
        let duration = FactValue::Duration(millis(number * 9));
        facts.push(Fact::new(&keys::of_stage(keys::SLOWEST_LOGIN, stage), duration));
    }
    let at = |key| Fact::new(key, FactValue::Time(Timestamp::from_micros(3_500_000)));
    facts.push(at(keys::SLOWEST_LOGIN_AT));
    facts.push(Fact::new(keys::SLOWEST_LOGIN_SESSION, FactValue::Text(Text::clipped("812"))));
    facts.push(Fact::new(keys::TEARDOWN_DURATION, histogram(1000, 2, 90_000)));
    facts.push(Fact::new(keys::LONGEST_TEARDOWN, FactValue::Duration(millis(3210))));
    facts.push(at(keys::LONGEST_TEARDOWN_AT));
    facts.push(Fact::new(keys::LONGEST_TEARDOWN_UID, FactValue::Number(2001)));
    facts.push(Fact::new(keys::REFUSED_LOGINS, counts(2)));
    facts.push(Fact::new(keys::REFUSED_REQUESTS, counts(0)));
    facts
}

#[test]
fn what_was_measured_is_shown_in_every_form() {
    assert_shown_as(&reporting(measured(), Vec::new()), "measured");
}

#[test]
fn another_manager_of_the_directories_has_a_line() {
    let mut facts = well().facts();
    let manager = "systemd-logind (process 81) manages /run/user";
    facts.push(Fact::new("directories_manager", FactValue::Text(Text::clipped(manager))));
    let broker = reporting(facts, Vec::new());
    assert_eq!(
        status(&broker, ""),
        include_str!("well.txt").to_owned() + "Directories:    " + manager + "\n"
    );
    assert_eq!(json(&broker)["directories_manager"], manager);
}

#[test]
fn a_key_that_is_taken_or_is_no_name_does_no_harm() {
    let keys = [
        "problems",
        "up",
        "hooks",
        "hooks_failed_total",
        "start_time_seconds",
        "a b",
        "x\n# EOF",
        "é",
        "sessions",
    ];
    let facts = well().facts().into_iter().chain(keys.map(|key| Fact::new(key, FactValue::Number(9))));
    let broker = reporting(facts.collect(), Vec::new());
    assert_eq!(status(&broker, "--metrics"), include_str!("well.metrics"));
    let text = status(&broker, "--json");
    assert_eq!((text.matches("\"problems\":").count(), text.matches("\"sessions\":").count()), (1, 1));
    assert_eq!((&json(&broker)["sessions"], &json(&broker)["up"]), (&3.into(), &9.into()));
}

#[test]
fn a_value_of_an_unknown_kind_is_passed_over() {
    let mut packets = list(well().facts().into_iter().map(Reply::Fact));
    let mut unknown = packet(&Reply::Fact(Fact::new("load", FactValue::Number(1))));
    assert_eq!(unknown[7], 0, "the kind: a number");
    unknown[7] = 99;
    packets.insert(3, unknown);
    let broker = Broker::answering(move |request| match request {
        AdminRequest::Facts => Some(packets.clone()),
        _ => Some(list(std::iter::empty())),
    });
    assert_shown_as(&broker, "well");
}

#[test]
fn what_is_missing_is_null_and_not_well() {
    let facts = well().facts().into_iter().filter(|fact| !fact.key.as_str().starts_with("teardowns"));
    let broker = reporting(facts.collect(), Vec::new());
    let json = json(&broker);
    assert_eq!((&json["teardowns_failed"], &json["users"]), (&serde_json::Value::Null, &2.into()));
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(2));
    let shown = status(&broker, "");
    assert!(!shown.contains("all is well") && shown.contains("- running, - waiting, - failed"), "{shown}");
    assert!(!status(&broker, "--metrics").contains("ck_teardowns{"));
}
