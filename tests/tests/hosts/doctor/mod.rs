//! `ckctl doctor` on real hosts: nothing is found on a good one, and what is broken is found, one thing at a time.

mod login;
mod parts;
mod stack;

use std::time::Duration;

use ck_tests::{Machine, Options, Output, Suite};
use serde_json::Value;

/// Longer than a login on trial may take, and a stopped broker.
const LIMIT: Duration = Duration::from_secs(60);
const RESULTS: [&str; 4] = ["ok", "warning", "problem", "skipped"];

/// What `ckctl doctor --json` has printed.
struct Report {
    findings: Vec<Value>,
    output: Output,
}

impl Report {
    /// Asks as root.
    fn of(machine: &Machine, arguments: &[&str]) -> Self {
        Self::by(machine, &["ckctl", "doctor", "--json"], arguments)
    }

    fn by(machine: &Machine, command: &[&str], arguments: &[&str]) -> Self {
        let output = machine.host.run_within(LIMIT, &[command, arguments].concat());
        let Ok(Value::Array(findings)) = serde_json::from_str(&output.stdout) else {
            panic!("no array: {output:?}");
        };
        let report = Self { findings, output };
        report.assert_sound();
        report
    }

    /// Holds for every report: members, remedies, exit status.
    fn assert_sound(&self) {
        for finding in &self.findings {
            let result = finding["result"].as_str().expect("a result");
            assert!(RESULTS.contains(&result), "{finding}");
            assert!(finding["check"].is_string() && finding["message"].is_string(), "{finding}");
            let needs_remedy = ["warning", "problem"].contains(&result);
            assert_eq!(finding["remedy"].is_string(), needs_remedy, "{finding}");
        }
        let status = i32::from(self.with("problem").next().is_some());
        assert_eq!(self.output.status.code(), Some(status), "{:?}", self.output);
    }

    fn with<'r>(&'r self, result: &'r str) -> impl Iterator<Item = &'r Value> {
        self.findings.iter().filter(move |finding| finding["result"] == result)
    }

    /// Asserts that there is this finding, with these words in its message.
    fn assert(&self, check: &str, result: &str, words: &str) {
        let is_it = |finding: &&Value| {
            finding["check"] == check && finding["message"].as_str().expect("a message").contains(words)
        };
        let found = self.with(result).any(|finding| is_it(&finding));
        assert!(found, "no {result} of {check} with {words:?}: {}", self.output.stdout);
    }

    /// Asserts that nothing needs attention.
    fn assert_well(&self) {
        let wrong: Vec<&Value> = self.with("problem").chain(self.with("warning")).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

fn shell(machine: &Machine, script: &str) -> String {
    machine.host.run_ok(&["sh", "-ec", script])
}

/// Breaks something by a script, and mends it by another.
fn broken(machine: &Machine, breaks: &str, mends: &str, check: impl FnOnce(Report)) {
    shell(machine, breaks);
    check(Report::of(machine, &[]));
    shell(machine, mends);
    Report::of(machine, &[]).assert_well();
}

/// Root sees all of it, and other users are told what they do not see.
#[test]
fn a_good_installation_is_well() {
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let mut machine = Machine::installed_on(Options::default().suite(suite));
        machine.start_broker(&[]);
        let report = Report::of(&machine, &[]);
        report.assert_well();
        for (check, words) in [
            ("pam-sshd", "/etc/pam.d/common-session:"),
            ("pam-login", "/etc/pam.d/common-session:"),
            ("pam-su-l", "/etc/pam.d/common-session:"),
            ("pam-others", "without, as may be meant: sudo, cron"),
            ("module", "/pam_ck.so, release "),
            ("sshd", "uses PAM"),
            ("configuration", "nothing wrong"),
            ("broker", "answers, release "),
            ("state-directory", "/run/ck-broker is a file system of its own"),
            ("runtime-root", "/run/user is a file system of its own, and shared"),
            ("sockets", "modes"),
            ("manager", "no other program manages /run/user"),
        ] {
            report.assert(check, "ok", words);
        }
        let help = machine.host.run_ok(&["ckctl", "help", "doctor"]);
        for finding in &report.findings {
            let check = finding["check"].as_str().expect("a name");
            assert!(help.contains(&format!("\n  {check}\n")), "the help does not explain {check}");
        }
        let text = machine.host.run_ok(&["ckctl", "doctor"]);
        assert_eq!(text.lines().last(), Some("No problems, no warnings, 1 skipped."), "{text}");

        let users =
            ["setpriv", "--reuid=2002", "--regid=2002", "--clear-groups", "ckctl", "doctor", "--json"];
        let users = Report::by(&machine, &users, &[]);
        users.assert_well();
        users.assert("sshd", "skipped", "only root");
        users.assert("configuration", "skipped", "only root");
        machine.await_nothing_left();
    }
}
