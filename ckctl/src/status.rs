//! The state of the broker for people: what is wrong, then what it does and did.

use crate::{facts::Facts, layout::named, screen::Screen};
use ck_protocol::{Count, fact_keys as keys, printable};
use std::fmt::Write;

/// The lines of `ckctl status` and their meanings. A line of which nothing is known is left out.
pub const STATUS: [(&str, &str); 14] = [
    ("State", "All is well, or one line for each problem."),
    ("Broker", "The release and the process of the broker."),
    ("Running since", "The time at which the broker was started."),
    ("Configured", "The time at which the broker read its configuration."),
    (
        "Sessions",
        "The number of sessions, how many there can be, and the most at one time since the broker was started (peak).",
    ),
    ("Users", "The number of users with a session or with lingering on."),
    ("Logins", "The number of logins that were replied to. The peak is that of any minute of the last hour."),
    (
        "Slowest login",
        "How long the slowest login of the last hour took in the broker, when it was, and how long its stages took: until the \
         request of the module was there, finding out what its process is, making the runtime directory, writing the record \
         of the session, waiting until other programs see it, waiting for hooks.",
    ),
    (
        "Teardowns",
        "Runtime directories that are being removed, that wait for it, and that could not be removed.",
    ),
    (
        "Longest teardown",
        "How long the longest teardown took that was finished in the last hour, and when that was.",
    ),
    ("Hooks", "Hooks that run, and changes that wait for hooks."),
    ("Subscribers", "Programs that are sent every event, such as ckctl watch."),
    (
        "Refused",
        "What was refused since the broker was started: logins, and requests of ckctl, by the reason.",
    ),
    ("Directories", "The program that makes the runtime directories, if that is not ck-broker."),
];

/// The state of the broker. The problems come first.
#[must_use]
pub fn status(facts: &Facts, problems: &[String], screen: Screen) -> String {
    let state = if problems.is_empty() {
        screen.good("all is well")
    } else {
        problems.iter().map(|problem| screen.bad(problem)).collect::<Vec<_>>().join("\n\t")
    };
    let of = |key: &str| facts.shown(key);
    let waiting = |what: &str| {
        format!("{} running, {} waiting", of(&format!("{what}_running")), of(&format!("{what}_waiting")))
    };
    let manager = facts.text(keys::DIRECTORIES_MANAGER);
    let values = [
        state,
        format!("ck-broker {}, pid {}", of("version"), of("pid")),
        of("started_at"),
        of("configured_at"),
        sessions(facts),
        of("users"),
        logins(facts).unwrap_or_default(),
        slowest_login(facts).unwrap_or_default(),
        format!("{}, {} failed", waiting("teardowns"), of("teardowns_failed")),
        longest_teardown(facts).unwrap_or_default(),
        waiting("hooks"),
        of("subscribers"),
        refused(facts).unwrap_or_default(),
        manager.map(|manager| printable(manager).to_string()).unwrap_or_default(),
    ];
    let fields = STATUS.iter().map(|(name, _)| *name).zip(values);
    named(fields.filter(|(_, value)| !value.is_empty()))
}

fn sessions(facts: &Facts) -> String {
    let now = format!("{} of at most {}", facts.shown("sessions"), facts.shown("sessions_limit"));
    match facts.number(keys::SESSIONS_PEAK) {
        Some(peak) => format!("{now}, peak {peak}"),
        None => now,
    }
}

fn logins(facts: &Facts) -> Option<String> {
    let of = |key| facts.number(key);
    let (minute, hour) = (of(keys::LOGINS_LAST_MINUTE)?, of(keys::LOGINS_LAST_HOUR)?);
    let (all, peak) = (of(keys::LOGINS)?, of(keys::LOGINS_PEAK_MINUTE)?);
    Some(format!("{minute} in the last minute (peak {peak}), {hour} in the last hour, {all} since the start"))
}

fn slowest_login(facts: &Facts) -> Option<String> {
    facts.duration(keys::SLOWEST_LOGIN)?;
    let mut line = format!("{} at {}", facts.shown(keys::SLOWEST_LOGIN), facts.shown(keys::SLOWEST_LOGIN_AT));
    if let Some(session) = facts.text(keys::SLOWEST_LOGIN_SESSION) {
        // Writing to a String cannot fail.
        let _ = write!(line, ", session {}", printable(session));
    }
    let of_stage = |stage: &&str| {
        let key = keys::of_stage(keys::SLOWEST_LOGIN, stage);
        facts.duration(&key).map(|_| format!("{stage} {}", facts.shown(&key)))
    };
    let stages = keys::STAGES.iter().filter_map(of_stage).collect::<Vec<_>>().join(", ");
    Some(if stages.is_empty() { line } else { format!("{line}\n\t{stages}") })
}

fn longest_teardown(facts: &Facts) -> Option<String> {
    facts.duration(keys::LONGEST_TEARDOWN)?;
    let (duration, at) = (facts.shown(keys::LONGEST_TEARDOWN), facts.shown(keys::LONGEST_TEARDOWN_AT));
    let whose = facts.number(keys::LONGEST_TEARDOWN_UID).map(|uid| format!(", uid {uid}"));
    Some(format!("{duration} at {at}{}", whose.unwrap_or_default()))
}

fn refused(facts: &Facts) -> Option<String> {
    let (logins, requests) = (facts.counts(keys::REFUSED_LOGINS)?, facts.counts(keys::REFUSED_REQUESTS)?);
    Some(format!("{}, {}", by_reason(logins, "login"), by_reason(requests, "request")))
}

/// The sum, and the reasons that there are: `3 logins (busy 2, failed 1)`.
fn by_reason(counts: &[Count], what: &str) -> String {
    let sum: u64 = counts.iter().map(|count| count.count).sum();
    let there = counts.iter().filter(|count| count.count > 0);
    let reasons: Vec<_> = there.map(|count| format!("{} {}", count.what, count.count)).collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    format!("{sum} {what}{}{reasons}", if sum == 1 { "" } else { "s" })
}
