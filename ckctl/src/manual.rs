//! The parts of the manual pages and of `--help` that explain columns, states and examples.

use crate::{
    doctor::{self, report::Outcome},
    history::{self, CAUSES, ENDS},
    layout::Column,
    status, table,
};
use std::fmt::Write;

/// The states of a session and their meanings.
pub const SESSION_STATES: [(&str, &str); 4] = [
    ("opening", "The runtime directory is being made."),
    ("active", "The session is in the foreground of its seat, or it has no seat."),
    ("online", "The session is on a seat, and another session is in the foreground."),
    ("closing", "The session has ended. Only hooks see this state."),
];
/// The states of a user and their meanings.
pub const USER_STATES: [(&str, &str); 4] = [
    ("active", "At least one session is active."),
    ("online", "There are sessions, and none is active."),
    ("lingering", "There is no session, and the user lingers."),
    ("closing", "There is no session, and the runtime directory is still there."),
];
/// The states of a teardown and their meanings.
pub const TEARDOWN_STATES: [(&str, &str); 4] = [
    ("waiting", "The teardown waits for a worker or for its next try."),
    ("running", "A worker removes the directory."),
    (
        "quarantined",
        "The teardown has failed too often. It needs an administrator, and ckctl teardown retry.",
    ),
    ("abandoned", "The worker hangs in the kernel, and not even SIGKILL ends it."),
];
/// What the exit status means.
pub const EXIT_STATUS: [(&str, &str); 4] = [
    ("0", "Done."),
    (
        "1",
        "The broker refused, there is no such session or user, something could not be read or written, or ckctl doctor has found a problem.",
    ),
    ("2", "The command line is wrong."),
    ("3", "No broker answers."),
];
/// What the exit status of `ckctl doctor` means.
pub const DOCTORS_EXIT_STATUS: [(&str, &str); 3] = [
    ("0", "There is no problem. There may be warnings."),
    ("1", "There is a problem, or the login that was asked for cannot be tried."),
    ("2", "The command line is wrong."),
];

const ENVIRONMENT: [(&str, &str); 4] = [
    ("NO_COLOR", "If this is not empty, there are no colours."),
    ("TERM", "If this is empty or dumb, there are no colours."),
    ("TZ", "The time zone of tables. JSON and CSV are in UTC."),
    ("XDG_SESSION_ID", "The session that ckctl show shows without an argument."),
];
const FILES: [(&str, &str); 2] = [
    ("/run/ck-broker/admin.sock", "The socket of the broker."),
    ("/var/log/ck/history.jsonl", "The file that ckctl history reads."),
];

/// A part of a manual page.
#[derive(Clone, Debug)]
pub struct Section {
    /// The heading.
    pub heading: &'static str,
    /// Words and their meanings.
    pub entries: Vec<(&'static str, &'static str)>,
}

/// The sections for the command `page`, such as `ckctl linger list`.
#[must_use]
pub fn sections(page: &str) -> Vec<Section> {
    let (columns, states): (_, &[_]) = match page {
        "ckctl list" => (meanings(table::SESSIONS.columns), &SESSION_STATES),
        "ckctl users" => (meanings(table::USERS.columns), &USER_STATES),
        "ckctl seats" => (meanings(table::SEATS.columns), &[]),
        "ckctl history" => (meanings(history::LAYOUT.columns), &ENDS),
        "ckctl linger list" => (meanings(table::LINGERING.columns), &USER_STATES),
        "ckctl teardown list" => (meanings(table::TEARDOWNS.columns), &TEARDOWN_STATES),
        _ => (Vec::new(), &[]),
    };
    let (fields, states): (_, &[_]) = match page {
        "ckctl show" => ([meanings(&table::SESSION), meanings(&table::DOING)].concat(), &SESSION_STATES),
        "ckctl status" => (status::STATUS.to_vec(), states),
        _ => (Vec::new(), states),
    };
    let (checks, results, exit_status): (&[_], &[_], &[_]) = match page {
        "ckctl doctor" => (&doctor::CHECKS, &Outcome::MEANINGS, &DOCTORS_EXIT_STATUS),
        "ckctl" => (&[], &[], &EXIT_STATUS),
        _ => (&[], &[], &[]),
    };
    let of_ckctl = |entries: &[(&'static str, &'static str)]| {
        if page == "ckctl" { entries.to_vec() } else { Vec::new() }
    };
    let sections = [
        Section { heading: "COLUMNS", entries: columns },
        Section { heading: "FIELDS", entries: fields },
        Section { heading: "STATES", entries: states.to_vec() },
        Section { heading: "CAUSES", entries: causes(page).to_vec() },
        Section { heading: "CHECKS", entries: checks.to_vec() },
        Section { heading: "RESULTS", entries: results.to_vec() },
        Section { heading: "EXIT STATUS", entries: exit_status.to_vec() },
        Section { heading: "ENVIRONMENT", entries: of_ckctl(&ENVIRONMENT) },
        Section { heading: "FILES", entries: of_ckctl(&FILES) },
        Section { heading: "EXAMPLES", entries: examples(page).to_vec() },
    ];
    sections.into_iter().filter(|section| !section.entries.is_empty()).collect()
}

/// The same as text for `--help`.
#[must_use]
pub fn help(page: &str) -> String {
    let mut text = String::new();
    for Section { heading, entries } in sections(page) {
        let (first, rest) = heading.split_at(1);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{first}{}:", rest.to_lowercase());
        for (word, meaning) in entries {
            let _ = writeln!(text, "  {word}\n          {meaning}");
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn causes(page: &str) -> &'static [(&'static str, &'static str)] {
    if page == "ckctl history" { &CAUSES } else { &[] }
}

fn meanings<T>(columns: &[Column<T>]) -> Vec<(&'static str, &'static str)> {
    columns.iter().map(|column| (column.name, column.meaning)).collect()
}

fn examples(page: &str) -> &'static [(&'static str, &'static str)] {
    match page {
        "ckctl" => &[
            ("ckctl", "List all sessions."),
            ("ckctl list -o csv --columns user,since,remote_host", "Write three columns as CSV."),
            ("ckctl list --json | jq -r .[].user", "Print the user of each session."),
        ],
        "ckctl list" => &[
            ("ckctl list alice", "List the sessions of alice."),
            ("ckctl list --sort since", "List all sessions, the oldest first."),
            ("ckctl list --no-legend --columns session,user", "List ids and users for a script."),
        ],
        "ckctl show" => &[
            ("ckctl show", "Show the session in which this is typed."),
            ("ckctl show 12", "Show the session 12."),
            ("ckctl show --user alice", "Show all sessions of alice."),
        ],
        "ckctl users" => &[("ckctl users", "List the users."), ("ckctl users 2001", "List the user 2001.")],
        "ckctl seats" => &[("ckctl seats", "List the seats.")],
        "ckctl activate" => &[("ckctl activate 12", "Switch to the virtual terminal of the session 12.")],
        "ckctl terminate" => &[
            ("ckctl terminate 12 14", "End two sessions."),
            ("ckctl terminate --user alice", "End all sessions of alice."),
        ],
        "ckctl lock" => &[("ckctl lock 12", "Ask the session 12 to lock its screen.")],
        "ckctl unlock" => &[("ckctl unlock 12", "Ask the session 12 to unlock its screen.")],
        "ckctl history" => &[
            ("ckctl history -n 20", "Show the last 20 sessions."),
            ("ckctl history alice --since yesterday", "Show when alice was logged in since yesterday."),
            ("ckctl history --since \"2026-11-01 08:30\"", "Show who was logged in then or later."),
        ],
        "ckctl linger" | "ckctl linger on" => {
            &[("ckctl linger on builder", "Keep the runtime directory of builder, also after a boot.")]
        }
        "ckctl linger off" => &[
            ("ckctl linger off builder", "Remove the runtime directory of builder with the last session."),
            ("ckctl linger off 2005", "Do the same for an account that was deleted."),
        ],
        "ckctl linger list" => &[("ckctl linger list", "List the users who linger.")],
        "ckctl status" => &[
            ("ckctl status", "Show whether all is well."),
            ("ckctl status --json | jq -e '.problems == []'", "Fail if there is a problem, for a monitor."),
            (
                "ckctl status --metrics >/var/lib/prometheus/node-exporter/ck.prom",
                "Write the metrics for node_exporter.",
            ),
        ],
        "ckctl doctor" => &[
            ("ckctl doctor", "Check this machine."),
            ("ckctl doctor --login alice", "Check it, and log alice in and out as sshd does."),
            ("ckctl doctor --login alice --service login", "Do the same as login does."),
            (
                "ckctl doctor --json | jq -r '.[] | select(.result == \"problem\").remedy'",
                "Print what is to be done.",
            ),
        ],
        "ckctl teardown" | "ckctl teardown list" => {
            &[("ckctl teardown list", "List directories that are being removed, or could not be.")]
        }
        "ckctl teardown retry" => &[
            ("ckctl teardown retry", "Try again to remove all quarantined directories."),
            ("ckctl teardown retry 3", "Try again to remove one directory."),
        ],
        "ckctl watch" => &[
            ("ckctl watch", "Show every login and logout as it happens."),
            (
                "ckctl watch --json | jq -r 'select(.event == \"session_added\").session.user'",
                "Print the user of each new session.",
            ),
        ],
        "ckctl help" => {
            &[("ckctl help", "Show all verbs."), ("ckctl help linger on", "Show the help of one verb.")]
        }
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ck_protocol::{State, TeardownState, UserState};
    use std::{fmt::Display, str::FromStr};

    /// Asserts that `explained` are all values of a type whose parser lists them in its error.
    fn assert_all<T: FromStr<Err: Display>>(explained: &[(&str, &str)]) {
        let error = T::from_str("").err().unwrap().to_string();
        let mut known: Vec<_> = error.split_once("use one of ").unwrap().1.split(", ").collect();
        let mut names: Vec<_> = explained.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        names.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn every_state_is_explained() {
        assert_all::<State>(&SESSION_STATES);
        assert_all::<UserState>(&USER_STATES);
        assert_all::<TeardownState>(&TEARDOWN_STATES);
    }
}
