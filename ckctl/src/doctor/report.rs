//! What the checks have found, and how it is printed.

use crate::screen::Screen;
use ck_protocol::printable;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is as it should be.
    Ok,
    /// It works, but not as it was meant to, or not always.
    Warning,
    /// Users do not get what they should.
    Problem,
    /// It could not be looked at, or does not apply here.
    Skipped,
}

impl Outcome {
    /// All results and their meanings.
    pub const MEANINGS: [(&'static str, &'static str); 4] = [
        ("ok", "It is as it should be."),
        ("warning", "It works, but not always, or not as it was meant to."),
        ("problem", "Users do not get what they should. The exit status is 1."),
        ("skipped", "It does not apply here, or only root can see it."),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
            Self::Skipped => "skipped",
        }
    }
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at, such as `pam-sshd`.
    pub check: String,
    /// The result.
    pub result: Outcome,
    /// What was found.
    pub message: String,
    /// What to type or to change. Every warning and every problem has one.
    pub remedy: Option<String>,
}

impl Finding {
    /// Something is as it should be.
    pub(super) fn ok(check: &str, message: impl Into<String>) -> Self {
        Self { check: check.to_owned(), result: Outcome::Ok, message: message.into(), remedy: None }
    }

    /// Something was not looked at.
    pub(super) fn skipped(check: &str, why: impl Into<String>) -> Self {
        Self { result: Outcome::Skipped, ..Self::ok(check, why) }
    }

    /// Something works, but not always.
    pub(super) fn warning(check: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { result: Outcome::Warning, remedy: Some(remedy.into()), ..Self::ok(check, message) }
    }

    /// Something is wrong.
    pub(super) fn problem(check: &str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { result: Outcome::Problem, remedy: Some(remedy.into()), ..Self::ok(check, message) }
    }
}

/// Whether nothing in the report is a problem.
#[must_use]
pub fn is_well(findings: &[Finding]) -> bool {
    count(findings, Outcome::Problem) == 0
}

/// The report as people read it.
#[must_use]
pub fn text(findings: &[Finding], screen: Screen) -> String {
    let width = findings.iter().map(|finding| finding.check.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let name = format!("{:<7}", finding.result.name());
        let result = match finding.result {
            Outcome::Ok => screen.good(&name),
            Outcome::Problem => screen.bad(&name),
            Outcome::Warning | Outcome::Skipped => name,
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{result}  {:<width$}  {}",
            printable(&finding.check).to_string(),
            printable(&finding.message)
        );
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:7}  {:width$}  do: {}", "", "", printable(remedy));
        }
    }
    if screen.legend {
        let _ = writeln!(text, "\n{}", summary(findings));
    }
    text
}

fn summary(findings: &[Finding]) -> String {
    let some = |outcome, what: &str| match count(findings, outcome) {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let skipped = match count(findings, Outcome::Skipped) {
        0 => String::new(),
        count => format!(", {count} skipped"),
    };
    let line =
        format!("{}, {}{skipped}.", some(Outcome::Problem, "problem"), some(Outcome::Warning, "warning"));
    line.replacen("no p", "No p", 1)
}

fn count(findings: &[Finding], outcome: Outcome) -> usize {
    findings.iter().filter(|finding| finding.result == outcome).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_a_meaning() {
        for outcome in [Outcome::Ok, Outcome::Warning, Outcome::Problem, Outcome::Skipped] {
            let json = serde_json::to_string(&outcome).unwrap();
            assert_eq!(json, format!("\"{}\"", outcome.name()));
            assert!(Outcome::MEANINGS.iter().any(|(name, _)| *name == outcome.name()));
        }
    }

    #[test]
    fn a_report_has_a_line_for_each_check_and_one_for_each_remedy() {
        let screen = Screen { legend: true, ..Screen::default() };
        let findings = [
            Finding::ok("broker", "answers"),
            Finding::problem("pam-sshd", "no\u{1b}[2J", "add it"),
            Finding::skipped("sshd", "only root can ask"),
        ];
        assert_eq!(
            text(&findings, screen),
            "ok       broker    answers\n\
             problem  pam-sshd  no\\u{1b}[2J\n\
             \u{20}                  do: add it\n\
             skipped  sshd      only root can ask\n\
             \n\
             1 problem, no warnings, 1 skipped.\n"
        );
        assert!(!is_well(&findings) && is_well(&findings[..1]));
        assert!(text(&findings[..1], screen).ends_with("\nNo problems, no warnings.\n"));
    }
}
