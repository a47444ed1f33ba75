//! Rates, the slowest login and its stages, durations, refusals.

use ck_tests::{Machine, wait_until};
use serde_json::Value;

use super::{SOON, status, status_as};

/// The seconds of a fact.
fn seconds(status: &Value, key: &str) -> f64 {
    status[key].as_f64().unwrap_or_else(|| panic!("{key}: {status:#}"))
}

/// How many durations a histogram has counted above `bound`.
fn above(status: &Value, key: &str, bound: f64) -> u64 {
    let buckets = status[key]["buckets"].as_array().expect("buckets");
    let bucket = buckets.iter().find(|bucket| bucket["le"] == bound).expect("a bucket with this bound");
    status[key]["count"].as_u64().expect("a number") - bucket["count"].as_u64().expect("a number")
}

#[test]
fn logins_are_counted_and_the_slowest_is_told_with_its_stages() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck/run-session.d"]);
    machine.host.write_file("/etc/ck/broker.toml", "[hooks]\nwait_added = true\n", 0o644);
    let slow = "#!/bin/sh\n[ \"$1 $CK_SESSION_USER\" != 'session_added bob' ] || sleep 0.6\n";
    machine.host.write_file("/etc/ck/run-session.d/slow.ck", slow, 0o755);
    machine.start_broker(&[]);
    let before = status(&machine);
    assert_eq!((&before["logins"], &before["sessions_peak"]), (&0.into(), &0.into()));
    assert_eq!(before.get("slowest_login"), None);

    for _ in 0..3 {
        machine.host.run_ok(&["su", "alice", "-c", "true"]);
    }
    let id = machine.host.run_ok(&["su", "bob", "-c", "echo $XDG_SESSION_ID"]);
    let both = "ssh alice@127.0.0.1 'su -l -c true </dev/null; sleep 1' & ssh bob@127.0.0.1 sleep 1; wait";
    machine.host.run_ok(&["sh", "-c", both]);
    machine.await_nothing_left();

    let told = status(&machine);
    for key in ["logins", "logins_last_minute", "logins_last_hour", "logins_peak_minute"] {
        assert_eq!(told[key], 6, "{key}: {told:#}");
    }
    assert_eq!((&told["sessions_peak"], &told["sessions"]), (&2.into(), &0.into()));
    // Twice the hook of bob.
    assert_eq!((above(&told, "login_duration", 0.5), above(&told, "login_duration_hooks", 0.5)), (2, 2));
    assert_eq!(above(&told, "login_duration_record", 0.5), 0);
    assert_eq!(told["login_duration"]["count"], 6);
    let slowest = seconds(&told, "slowest_login");
    let stages = ["request", "identify", "directory", "record", "hooks"];
    let stages = stages.map(|stage| seconds(&told, &format!("slowest_login_{stage}")));
    assert!(stages[4] >= 0.6 && slowest >= stages.iter().sum(), "{told:#}");
    assert!(stages[2] > 0.0 && stages[3] > 0.0, "it made a directory and wrote a record: {told:#}");
    assert!(told["slowest_login_at"].as_str().is_some_and(|at| at.starts_with("20")));
    let slow: u64 = told["slowest_login_session"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    assert!(slow >= id.parse().expect("an id"), "{slow}");
    let shown = machine.host.run_ok(&["ckctl", "status"]);
    let line = format!(", session {slow}\n");
    assert!(shown.contains("Logins:") && shown.contains(&line) && shown.contains("request "), "{shown}");

    // A restart begins anew.
    machine.broker = None;
    machine.start_broker(&[]);
    assert_eq!(status(&machine)["logins"], 0);
}

#[test]
fn teardowns_and_refusals_are_counted_and_names_are_told_to_those_who_may_know() {
    let mut machine = Machine::installed();
    machine.host.run_ok(&["mkdir", "-p", "/etc/ck"]);
    machine.host.write_file("/etc/ck/broker.toml", "[admin]\nlist = \"own\"\n", 0o644);
    machine.start_broker(&[]);
    for user in ["alice", "alice", "bob"] {
        machine.host.run_ok(&["su", user, "-c", "touch $XDG_RUNTIME_DIR/mine"]);
    }
    wait_until(SOON, "three teardowns", || status(&machine)["teardown_duration"]["count"] == 3);
    let fill = "cd $XDG_RUNTIME_DIR && seq 20000 | xargs touch";
    machine.host.run_ok(&["su", "bob", "-c", fill]);
    machine.await_nothing_left();
    let told = status(&machine);
    assert_eq!(
        (&told["teardown_duration"]["count"], &told["longest_teardown_uid"]),
        (&4.into(), &2002.into())
    );
    let sum = told["teardown_duration"]["sum"].as_f64().expect("a number");
    assert!(
        seconds(&told, "longest_teardown") > 0.0 && sum >= seconds(&told, "longest_teardown"),
        "{told:#}"
    );

    // Whose they were is nobody else's business.
    let of = |user| status_as(&machine, &["runuser", "-u", user, "--"]);
    let (alices, bobs) = (of("alice"), of("bob"));
    assert_eq!((alices.get("longest_teardown_uid"), &bobs["longest_teardown_uid"]), (None, &2002.into()));
    assert_eq!(alices["longest_teardown"], told["longest_teardown"]);
    let slowest = |of: &Value| of.get("slowest_login_session").is_some();
    assert!(slowest(&told) && slowest(&alices) != slowest(&bobs), "{alices:#}\n{bobs:#}");

    // Refusals, by their sockets and reasons.
    assert_eq!(told["refused_requests"]["no_such_session"], 0);
    assert_eq!(machine.host.run(&["ckctl", "show", "999"]).status.code(), Some(1));
    let junk = "use Socket; my $s; socket($s, PF_UNIX, SOCK_SEQPACKET, 0) && \
                connect($s, sockaddr_un('/run/ck-broker/session.sock')) or die; \
                send($s, qq(\\1\\377junk), 0); recv($s, my $reply, 4096, 0)";
    machine.host.run_ok(&["perl", "-e", junk]);
    let told = status(&machine);
    assert_eq!(
        (&told["refused_requests"]["no_such_session"], &told["refused_logins"]["malformed"]),
        (&1.into(), &1.into())
    );
    let shown = machine.host.run_ok(&["ckctl", "status"]);
    assert!(shown.contains("1 login (malformed 1), 1 request (no_such_session 1)"), "{shown}");
    let metrics = machine.host.run_ok(&["ckctl", "status", "--metrics"]);
    for sample in [
        "ck_refused_total{socket=\"session\",reason=\"malformed\"} 1",
        "ck_teardown_duration_seconds_count 4",
        "ck_login_duration_seconds_bucket{le=\"+Inf\"} 4",
        "ck_login_stage_duration_seconds_count{stage=\"directory\"} 4",
        "ck_logins_total 4",
    ] {
        assert!(metrics.contains(&format!("\n{sample}\n")), "{sample}\n{metrics}");
    }
}
