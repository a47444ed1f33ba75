//! Whether another program makes sessions or runtime directories: as a daemon, and as a module beside ours.

use super::{
    broker::service,
    module, processes,
    report::Finding,
    services::{self, Login},
};
use crate::facts::Facts;
use ck_core::model::DIRECTORY_MANAGERS;
use ck_protocol::fact_keys as keys;

const CHECK: &str = "manager";
/// Daemons that have sessions of their own, and what to do about each. Names of processes have 15 bytes.
const OTHERS: [(&str, &str); 2] = [
    ("console-kit-dae", "stop ConsoleKit and keep it from starting: docs/MOVING.md"),
    ("turnstiled", "set `manage_rundir = no` in /etc/turnstile/turnstiled.conf: docs/MOVING.md"),
];
/// Modules that make and remove the same directory as ours.
const SAME_WORK: [&str; 4] =
    ["pam_rundir.so", "pam_dumb_runtime_dir.so", "pam_xdg.so", "pam_ck_connector.so"];
/// Modules that need a daemon: the module, its daemons, and the profile of pam-auth-update(8).
const WITH_DAEMON: [(&str, &[&str], &str); 2] = [
    ("pam_systemd.so", &["systemd-logind"], "systemd"),
    ("pam_elogind.so", &["elogind", "elogind-daemon"], "elogind"),
];

/// Looks for both. `facts` are those of the broker, if it answers.
pub(super) fn check(facts: Option<&Facts>, logins: &[Login]) -> Vec<Finding> {
    let running = processes::daemons(&DIRECTORY_MANAGERS);
    let mut findings = vec![directories(facts, running.first())];
    for (daemon, remedy) in OTHERS.iter().filter(|(daemon, _)| !processes::daemons(&[daemon]).is_empty()) {
        findings.push(Finding::warning(
            CHECK,
            format!("{daemon} runs, and has sessions of its own"),
            *remedy,
        ));
    }
    findings.extend(SAME_WORK.iter().filter_map(|name| same_work(name, logins)));
    findings.extend(WITH_DAEMON.iter().filter_map(|(name, daemons, profile)| {
        let runs = running.iter().any(|daemon| daemons.contains(&daemon.as_str()));
        if runs { None } else { without_daemon(name, daemons, profile, logins) }
    }));
    findings
}

/// `running` is a daemon that makes directories.
fn directories(facts: Option<&Facts>, running: Option<&String>) -> Finding {
    let Some(facts) = facts else {
        return Finding::ok(
            CHECK,
            running.map_or("neither logind nor elogind runs".to_owned(), |daemon| format!("{daemon} runs")),
        );
    };
    match (facts.text(keys::RUNTIME_ROOT), facts.text(keys::DIRECTORIES_MANAGER), running) {
        (Some(root), _, None) => Finding::ok(CHECK, format!("no other program manages {root}")),
        (Some(root), _, Some(daemon)) => Finding::problem(
            CHECK,
            format!("{daemon} runs beside the broker: both manage {root}"),
            format!(
                "stop {daemon} and keep it from starting, or let the broker leave {root} to it: {}",
                service("restart")
            ),
        ),
        (None, Some(manager), Some(_)) => {
            Finding::ok(CHECK, format!("{manager}; the broker has the sessions"))
        }
        (None, Some(manager), None) => Finding::warning(
            CHECK,
            format!("nobody makes runtime directories: when the broker started, {manager}"),
            format!("let the broker look again: {}", service("restart")),
        ),
        (None, None, _) => {
            Finding::ok(CHECK, "the broker makes no runtime directories, by its configuration")
        }
    }
}

/// A module that makes and removes the same directories.
fn same_work(name: &str, logins: &[Login]) -> Option<Finding> {
    let place = called(name, logins)?;
    let message =
        format!("{name} is beside {} ({place}): both make and remove /run/user/UID", services::MODULE);
    Some(Finding::problem(CHECK, message, format!("remove the line of {name}: docs/MOVING.md")))
}

/// A module that asks a daemon that does not run, and logs so at each login.
fn without_daemon(name: &str, daemons: &[&str], profile: &str, logins: &[Login]) -> Option<Finding> {
    let place = called(name, logins)?;
    let message = format!(
        "{name} is called ({place}), but {} does not run: each login logs an error",
        daemons.join(" or ")
    );
    Some(Finding::warning(
        CHECK,
        message,
        format!("pam-auth-update --disable {profile}, or remove the line of {name}"),
    ))
}

/// Where a module is called that is installed.
fn called(name: &str, logins: &[Login]) -> Option<String> {
    let mut steps = logins.iter().flat_map(|login| &login.stack.steps);
    let step = steps.find(|step| step.is_of(name) && module::is_there(&step.module))?;
    Some(step.place.to_string())
}
