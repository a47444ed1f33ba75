//! Thousands of logins that nobody closes leave the broker as it was: descriptors, memory, table.

use std::time::{Duration, Instant};

use ck_tests::{Guarded, Machine};

/// How many logins are under way at once.
const LANES: &str = "8";
const LIMIT: Duration = Duration::from_secs(600);

fn churn(guarded: &Guarded, count: u32) {
    let program = std::fs::read(env!("CARGO_BIN_EXE_churn")).expect("a program of ours");
    let host = &guarded.machine.host;
    host.write_file("/usr/local/bin/churn", program, 0o755);
    let start = Instant::now();
    let output = host.run_within(LIMIT, &["churn", &count.to_string(), LANES]);
    assert!(output.status.success(), "{}", output.stderr);
    println!("{count} logins in {:?}", start.elapsed());
    guarded.assert_gone_and_unharmed();
}

#[test]
fn logins_that_nobody_closes_leave_nothing_in_the_broker() {
    for kind in ["tmpfs", "directory"] {
        churn(&Guarded::up_kind(kind), 1_000);
    }
}

#[test]
#[ignore = "takes minutes; `make bench` runs it"]
fn twenty_thousand_logins_that_nobody_closes_leave_nothing_in_the_broker() {
    churn(&Guarded::up_kind("tmpfs"), 20_000);
}

/// With real `su`: the session is open when the next module refuses the login, so nobody ever closes it.
#[test]
fn a_login_that_a_later_module_refuses_leaves_nothing() {
    let guarded = Guarded::up("");
    let machine = &guarded.machine;
    let whole = machine.host.read_file("/etc/pam.d/su");
    machine.host.write_file("/etc/pam.d/su", format!("{whole}\nsession requisite pam_deny.so\n"), 0o644);
    let refused = machine.host.run_ok(&[
        "sh",
        "-c",
        "for i in $(seq 50); do su alice -c 'echo in' 2>&1; done | sort | uniq -c",
    ]);
    assert!(refused.starts_with("50 su: ") && refused.lines().count() == 1, "{refused}");
    assert_eq!(opened(machine), 51, "each login had a session, and one was before");
    machine.host.write_file("/etc/pam.d/su", whole, 0o644);
    guarded.assert_gone_and_unharmed();
}

/// How many sessions the broker says it has opened.
fn opened(machine: &Machine) -> usize {
    machine.broker().stderr().lines().filter(|line| line.contains(" opened for ")).count()
}
